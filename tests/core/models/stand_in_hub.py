# SPDX-License-Identifier: Apache-2.0

"""A stand-in hub on this machine: the few repositories and pull requests that its tests ask for."""

import json
from hashlib import sha1
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

WEIGHTS = bytes(300_000)
MODERN, CONVERTED, PICKLED = "org/modern", "org/converted", "org/pickled"
REQUEST = "refs/pr/7"
REPOS = {
    MODERN: {"main": {"config.json": b"{}", "model.safetensors": WEIGHTS, "pytorch_model.bin": WEIGHTS}},
    CONVERTED: {
        "main": {"config.json": b"{}", "pytorch_model.bin": WEIGHTS},
        REQUEST: {"config.json": b"{}", "model.safetensors": WEIGHTS},
    },
    PICKLED: {"main": {"config.json": b"{}", "pytorch_model.bin": WEIGHTS}},
}
# (number, author, title) of the pull requests; only the hub's own bot is believed.
PULLS = {
    CONVERTED: [
        (5, "somebody", "Adding `safetensors` variant of this model"),
        (6, "SFconvertbot", "Update README.md"),
        (7, "SFconvertbot", "Adding `safetensors` variant of this model"),
    ],
    PICKLED: [(1, "somebody", "Adding `safetensors` variant of this model")],
}
NOWHERE = "http://127.0.0.1:9"  # where no hub answers


def commit(model_id, ref="main"):
    return sha1(f"{model_id}@{ref}".encode()).hexdigest()


class Answers(BaseHTTPRequestHandler):
    """The few addresses that huggingface_hub asks for."""

    protocol_version = "HTTP/1.1"
    repos = REPOS

    def log_message(self, *_):
        pass

    def do_GET(self):
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        model_id, what = "/".join(parts[2:4] if api else parts[:2]), parts[4 if api else 2 :]
        refs = self.repos.get(model_id)
        if refs is None:
            return self.reply(b"{}", 404, {"X-Error-Code": "RepoNotFound"})
        if what[:1] == ["discussions"]:
            return self.reply(json.dumps(self.discussions(model_id)).encode())
        ref = self.known(model_id, what[1:])
        files = refs[ref]
        if not what or what[0] == "revision":
            siblings = [{"rfilename": name} for name in files]
            return self.reply(json.dumps({"id": model_id, "sha": commit(model_id, ref), "siblings": siblings}).encode())
        if what[0] == "tree":
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": sha1(data).hexdigest()}
                for name, data in files.items()
            ]
            return self.reply(json.dumps(tree).encode())
        data = files[parts[-1]]
        return self.reply(data, 200, {"X-Repo-Commit": commit(model_id, ref), "ETag": f'"{sha1(data).hexdigest()}"'})

    do_HEAD = do_GET

    def known(self, model_id, rest):
        wanted = "/".join(rest)
        refs = self.repos[model_id]
        return next((ref for ref in refs if ref in wanted or commit(model_id, ref) in wanted), "main")

    def discussions(self, model_id):
        shared = {"repo": {"name": model_id, "type": "model"}, "createdAt": "2024-01-01T00:00:00.000Z"}
        pulls = [
            {"num": n, "title": title, "author": {"name": author}, "status": "open", "isPullRequest": True, **shared}
            for n, author, title in PULLS.get(model_id, [])
        ]
        return {"discussions": pulls, "start": 0, "count": len(pulls)}

    def reply(self, body, status=200, headers=None):
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
