"""What the OpenAPI document cannot say to Schemathesis."""

import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection

# Fields of an answer that another operation takes: (from, field, to). The document has no links, because some generators of
# clients refuse those whose body is an object.
FOLLOWS = [
    ("encrypt", "ciphertext", "decrypt"),
    ("encrypt", "ciphertext", "reencrypt"),
    ("reencrypt", "ciphertext", "decrypt"),
    ("reencrypt", "ciphertext", "reencrypt"),
    ("wrap", "edek", "unwrap"),
    ("wrap", "edek", "rewrap"),
    ("rewrap", "edek", "unwrap"),
    ("rewrap", "edek", "rewrap"),
]


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Adds the links, so that Schemathesis follows them."""
    for path in raw_schema["paths"].values():
        operation = path.get("post", {})
        for begin, field, to in FOLLOWS:
            if operation.get("operationId") == begin:
                operation["responses"]["200"].setdefault("links", {})[to] = {
                    "operationId": to,
                    "parameters": {name: f"$request.path.{name}" for name in ("environment", "country")},
                    "requestBody": {field: f"$response.body#/{field}"},
                }


@schemathesis.check
def refused_as_a_whole_or_in_its_place(ctx, response, case):
    """The answer to a batch has a problem in the place of each item that cannot be read, and its status is 200."""
    if response.status_code == 200 and any("problem" in one for one in response.json().get("results", [])):
        return None
    return negative_data_rejection(ctx, response, case)
