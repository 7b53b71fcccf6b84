# SPDX-License-Identifier: Apache-2.0

"""The admin's page, served at /admin to whom the gate admits."""
