"""ASTRA's `linear` projector written out as a sparse matrix in torch."""

import warnings
from typing import Any

import astra
import numpy as np
import torch
from numpy.typing import NDArray

from svct.bench.cases import Case
from svct.bench.peers.astra import AstraLinear


class AstraMatrix(AstraLinear):
    """The matrix and its transpose as torch CSR tensors, times images in columns."""

    batched = True

    def __init__(self, case: Case, threads: int) -> None:
        super().__init__(case, threads)
        matrix_id = astra.projector.matrix(self.projector)
        matrix = astra.matrix.get(matrix_id)
        astra.matrix.delete(matrix_id)
        self.A, self.AT = _to_torch(matrix), _to_torch(matrix.T.tocsr())

    def to_image(self, x: NDArray[np.float32]) -> Any:
        """Return images in columns, or one as a vector, whose product is twice as fast as that of one column."""
        columns = torch.from_numpy(x.reshape(len(x), -1)).T.contiguous()
        return columns[:, 0] if len(x) == 1 else columns

    def to_projections(self, y: NDArray[np.float32]) -> Any:
        """Return projections in the same way."""
        return self.to_image(y)

    def forward(self, image: Any) -> Any:
        """Multiply with the matrix."""
        return self.A @ image

    def back(self, projections: Any) -> Any:
        """Multiply with its transpose."""
        return self.AT @ projections

    def from_projections(self, result: Any) -> NDArray[np.float32]:
        """Return projections from columns."""
        return np.asarray(result.T.reshape(-1, *self.y.shape))

    def from_image(self, result: Any) -> NDArray[np.float32]:
        """Return images from columns."""
        return np.asarray(result.T.reshape(-1, *self.x.shape))


def _to_torch(matrix: Any) -> torch.Tensor:
    rows, columns, values = map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data.astype(np.float32)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse", UserWarning)
        return torch.sparse_csr_tensor(rows, columns, values, size=matrix.shape)
