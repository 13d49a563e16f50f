from torch import Tensor


def exponential(chosen: Tensor, rejected: Tensor, margin: Tensor) -> Tensor:
    """exp(margin - (chosen - rejected)): exponential in the error."""
    return (margin - (chosen - rejected)).exp()
