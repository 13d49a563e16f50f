from torch import Tensor


def exponential(chosen: Tensor, rejected: Tensor, margin: Tensor) -> Tensor:
    """exp(margin - (chosen - rejected)): wrong pairs pull ever harder."""
    return (margin - (chosen - rejected)).exp()
