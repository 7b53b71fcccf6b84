"""The admin's page, served at /admin to whom the gate admits."""
