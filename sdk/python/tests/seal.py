"""Seals what a JSON object on stdin says, and prints it in base64: for a test that opens it with the project's agent."""

import json
import sys
from base64 import b64decode, b64encode

from mdm_password_host import seal

given = json.load(sys.stdin)
sealed = seal(
    b64decode(given["public_key"]), given["device"], given["command"], b64decode(given["token_key"]), given["password"]
)
print(b64encode(sealed).decode())
