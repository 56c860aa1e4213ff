"""Expert roster, draw, remote panel, score sheets, report, award and standstill."""
