"""Which live images are kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from inspector_app.core.verdict import Verdict


class Retention(BaseModel):
    """All images that did not pass are kept, and every nth that did; 0 keeps none of the passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every_nth_pass: int = Field(default=20, ge=0)

    def keeps(self, verdict: Verdict, nth_pass: int) -> bool:
        """Whether an image is kept; ``nth_pass`` counts passes from 1, this one included."""
        if verdict is not Verdict.PASS:
            return True
        return self.every_nth_pass > 0 and nth_pass % self.every_nth_pass == 0
