"""How long the random tests of this folder go on."""

import pytest

pytest.register_assert_rewrite("world", "soundness")


@pytest.fixture(scope="session")
def lifecycle_examples(request: pytest.FixtureRequest) -> int:
    examples: int = request.config.getoption("--lifecycle-examples")
    return examples
