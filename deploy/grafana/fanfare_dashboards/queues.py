"""Queues: how long they are, how much of their work fails, and how long it takes."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from fanfare_dashboards.panels import app_variable, bars, framed, graph, number, queue_variable, runbook
from fanfare_dashboards.queries import (
    consumers,
    increase,
    items,
    messages,
    or_none,
    quantile,
    rate,
    share,
    unattended,
)

_TASK = "fanfare_task_duration_seconds"
_TASKS = f"{_TASK}_count"
_FAILED = 'outcome!="success"'
_LETTERS = "fanfare_dead_letters_total"
_OF_QUEUE = 'queue=~"$queue"'


def dashboard() -> Dashboard:
    page = framed(
        "fanfare-queues",
        "Queues",
        "How long the queues are, how much of their work fails, and how long it takes. The app counts for what is sent: the "
        "queues push.*; tasks and images are of no app.",
        [queue_variable(), app_variable()],
    )
    _is_all_well(page)
    _length(page)
    _failure_rate(page)
    _duration(page)
    return page


def _is_all_well(page: Dashboard) -> None:
    page.with_row(Row("Is all well?"))
    page.with_panel(
        number(
            "Messages now",
            "Ready and unacknowledged, on the chosen queues. Much to do is no fault by itself."
            f"{runbook('FanfareBacklogWithoutProgress')}",
            f"sum({messages()})",
            "short",
        )
    )
    page.with_panel(
        number(
            "Queues that nobody works on",
            f"With messages and without a consumer.{runbook('FanfareNoWorker', 'FanfareOrchestratorNotConsuming')}",
            unattended(),
            "short",
            steps={1: "red"},
        )
    )
    page.with_panel(
        number(
            "Dead letters",
            f"Messages in the time shown that a worker refused.{runbook('FanfareDeadLetters')}",
            f"round({increase(_LETTERS, _OF_QUEUE)})",
            "short",
            steps={1: "yellow", 10: "red"},
        )
    )
    page.with_panel(
        number(
            "Tasks that failed",
            "The share in the time shown, of all queues: servers that did not answer, too, after which the sweep repeats the "
            f"task.{runbook('FanfareServerUnreachable')}",
            share(increase(_TASKS, _FAILED), increase(_TASKS)),
            "percentunit",
            steps={0.01: "yellow", 0.1: "red"},
        )
    )


def _length(page: Dashboard) -> None:
    page.with_row(Row("Length"))
    page.with_panel(
        graph(
            "Messages",
            "Ready and unacknowledged, by queue. Autoscaling goes by these. At most five seconds of each project's quota are "
            "on the queues at a time; the rest waits in the ledger.",
            {"{{queue}}": messages()},
            "short",
        )
    )
    page.with_panel(
        graph(
            "Messages that no worker holds",
            "Ready. They are what a new worker would begin with.",
            {"{{queue}}": messages("ready")},
            "short",
        )
    )
    page.with_panel(
        graph(
            "Messages that a worker holds",
            "Unacknowledged: being worked on. One a child of a worker at most.",
            {"{{queue}}": messages("unacked")},
            "short",
        )
    )
    page.with_panel(
        graph(
            "Workers",
            "Consumers, by queue: 0 means that nobody takes its messages."
            f"{runbook('FanfareNoWorker', 'FanfareOrchestratorNotConsuming')}",
            {"{{queue}}": consumers()},
            "short",
        )
    )


def _failure_rate(page: Dashboard) -> None:
    page.with_row(Row("Failure rate"))
    page.with_panel(
        graph(
            "Share of devices and images that failed, by queue",
            "Failed or unknown, by the queue that their batch stood on."
            f"{runbook('FanfareErrorShare', 'FanfareImagesFailing')}",
            {"{{queue}}": share(items(failed=True), items())},
            "percentunit",
            steps={0.05: "yellow"},
            top=1.0,
        )
    )
    page.with_panel(
        graph(
            "Share of tasks that failed, by task",
            "A task that met an error. Of push.send_batch and images.process_batch only what befell the batch as a whole: a "
            "device or an image that fails is no failure of its task.",
            {"{{task}}": share(rate(_TASKS, _FAILED, by="task"), rate(_TASKS, by="task"))},
            "percentunit",
            top=1.0,
        )
    )
    page.with_panel(
        bars(
            "Errors of tasks in the time shown",
            "By task and error. *_unavailable is a server that did not answer; lease_lost a worker that was too slow, and "
            f"another goes on; crash is a bug.{runbook('FanfareServerUnreachable')}",
            "{{task}} {{outcome}}",
            or_none(increase(_TASKS, _FAILED, by="task, outcome"), increase(_TASKS), "task"),
            "short",
        )
    )
    page.with_panel(
        bars(
            "Dead letters in the time shown",
            f"By the queue that they died on.{runbook('FanfareDeadLetters', 'FanfareDeadLettersNotTaken')}",
            "{{queue}}",
            f"round({increase(_LETTERS, _OF_QUEUE, by='queue')})",
            "short",
        )
    )


def _duration(page: Dashboard) -> None:
    page.with_row(Row("Duration"))
    page.with_panel(
        graph(
            "Tasks, p95 by task",
            "One message's handling. push.send_batch goes on for as long as there are batches, so it is long by design.",
            {"{{task}}": quantile(0.95, _TASK, by="task")},
            "s",
        )
    )
    page.with_panel(
        graph(
            "Tasks, p50 by task",
            "Half of the messages were handled in less.",
            {"{{task}}": quantile(0.5, _TASK, by="task")},
            "s",
        )
    )
    page.with_panel(
        graph(
            "Tasks a second, by task",
            "Handled, well or not.",
            {"{{task}}": rate(_TASKS, by="task")},
            "ops",
            stacked=True,
        )
    )
    page.with_panel(
        graph(
            "Devices and images a second, by queue",
            "Outcomes that were recorded, by the queue that their batch stood on: whether a queue that is long moves.",
            {"{{queue}}": items()},
            "ops",
            stacked=True,
        )
    )
