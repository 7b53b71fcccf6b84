# SPDX-License-Identifier: Apache-2.0

"""A place for kept galleries, in a folder and on an S3 server of this machine, and a gallery to keep."""

import logging

import pytest

from core.data.galleries import Gallery
from tests.core.data.gallery_fakes import colour_files

BUCKET = "vlm-lab-test"


@pytest.fixture(scope="module")
def s3():
    """(endpoint options, a plain client) of an S3 server on this machine."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    import boto3

    server.start()
    host, port = server.get_host_and_port()
    secret = {"aws_access_key_id": "AKIAFAKE", "aws_secret_access_key": "very-secret"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", **secret)
    client.create_bucket(Bucket=BUCKET)
    options = {"aws_endpoint": f"http://{host}:{port}", "allow_http": "true", "aws_region": "us-east-1", **secret}
    yield options, client
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path):
    """Arguments of a Store: a folder, or an address of the S3 server."""
    if request.param == "folder":
        return {"place": str(tmp_path / "store"), "pictures": tmp_path / "pictures"}
    options, _ = request.getfixturevalue("s3")
    return {
        "place": f"s3://{BUCKET}/{tmp_path.name}",
        "pictures": tmp_path / "pictures",
        "storage_options": options,
    }


@pytest.fixture
def local(tmp_path):
    return {"place": str(tmp_path / "store"), "pictures": tmp_path / "pictures"}


@pytest.fixture
def gallery(tmp_path):
    made = Gallery("visit")
    made.add(colour_files(tmp_path / "in", 5))
    return made


def facts(gallery):
    return [(item.id, item.caption) for item in gallery.items]
