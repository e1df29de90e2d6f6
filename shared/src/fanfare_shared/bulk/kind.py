"""What tells one kind of bulk job from another: the names of its tables and the few rules that differ.

Both kinds have the same shape, a job cut into batches with one outcome a recipient or image, so the machinery is written
once against this: claims, the sweep, folding, control, notifications, the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fanfare_shared.contracts.messages import Message

MAY_WORK = "(j.status = 'processing' AND (j.expires_at IS NULL OR j.expires_at > now()))"
"""SQL, of the job `j`: its batches may be worked on, on the database's clock."""

STARTED = "status = 'processing', started_at = now(), due_at = now() + interval '5 seconds', updated_at = now()"
"""The SET list of an UPDATE that starts a job. Until its first hint is known to have arrived, the sweep looks again after
five seconds. The statement must lock the row and check `Action.SEND` or `Action.START` first.
"""


@dataclass(frozen=True)
class Kind:
    """A kind of bulk job. The names are of tables and columns; `j` is a job's row in SQL, `b` a batch's.

    name: the word in events (`campaign.completed`), `source`s and logs; noun: the word in sentences.
    key: the column that names the job in `batches`, `plans`, `outcomes` and `notifications`.
    outcomes: the table with a row per recipient or image, whose `status` is its outcome; counts: the outcomes.
    route: the batches' column that says which queue they stand in.
    set_aside_as: `dead_letters.source` of a batch that nobody can work on.
    started: the SET list that starts a job.
    may_dispatch: SQL, whether a batch `b` may stand on a queue now, beside `MAY_WORK`.
    account: a job's row, with its `total`, as its notifications tell of it.
    """

    name: str
    noun: str
    jobs: str
    key: str
    batches: str
    plans: str
    outcomes: str
    counts: tuple[str, ...]
    route: str
    set_aside_as: str
    plan_hint: Callable[[UUID], Message]
    settle_hint: Callable[[UUID], Message]
    work_hint: Callable[[int, UUID, str], Message]
    account: Callable[[Mapping[str, Any]], dict[str, Any]]
    started: str = STARTED
    may_dispatch: str = "true"

    def sql(self, template: str) -> str:
        """`template` with `{jobs}`, `{key}`, `{batches}`, `{plans}`, `{outcomes}`, `{route}`, `{may_work}` and
        `{may_dispatch}` filled in: constants of the code, never values.
        """
        return template.format(
            jobs=self.jobs,
            key=self.key,
            batches=self.batches,
            plans=self.plans,
            outcomes=self.outcomes,
            route=self.route,
            may_work=MAY_WORK,
            may_dispatch=self.may_dispatch,
        )
