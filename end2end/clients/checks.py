"""A check of Schemathesis that knows what the OpenAPI document cannot say."""

import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection


@schemathesis.check
def refused_as_a_whole_or_in_its_place(ctx, response, case):
    """The answer to a batch has a problem in the place of each item that cannot be read, and its status is 200."""
    if response.status_code == 200 and any("problem" in one for one in response.json().get("results", [])):
        return None
    return negative_data_rejection(ctx, response, case)
