"""Campaign: what became of the devices, how fast, and what holds sending back."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from fanfare_dashboards.panels import (
    OUTCOMES,
    STATUSES,
    app_variable,
    bars,
    durations,
    framed,
    graph,
    label_variable,
    number,
    runbook,
)
from fanfare_dashboards.queries import APP, DEVICES, DEVICES_FAILED, increase, or_none, paused, rate, share

_PRIORITY = 'priority=~"$priority"'
_ANSWERED = 'outcome=~"accepted|failed|unknown"'
_CHOSEN = (APP, _PRIORITY)


def dashboard() -> Dashboard:
    page = framed(
        "fanfare-campaign",
        "Campaign",
        "What became of the devices of the chosen apps, how fast, and what holds sending back. A campaign is no label of a "
        "metric: one campaign's exact account is GET /v1/campaigns/{id}/stats.",
        [
            app_variable(),
            label_variable("priority", "Priority", "label_values(fanfare_push_messages_total, priority)"),
        ],
    )
    _is_all_well(page)
    _throughput(page)
    _account(page)
    _what_holds_back(page)
    _latency(page)
    _around(page)
    return page


def _is_all_well(page: Dashboard) -> None:
    page.with_row(Row("Is all well?"))
    page.with_panel(
        number(
            "Devices that got nothing",
            "The share of the outcomes in the time shown that are failed or unknown."
            f"{runbook('FanfareErrorShare', 'FanfareApnsCredentialRefused')}",
            share(increase(DEVICES, *_CHOSEN, DEVICES_FAILED), increase(DEVICES, *_CHOSEN)),
            "percentunit",
            steps={0.01: "yellow", 0.05: "red"},
        )
    )
    page.with_panel(
        number(
            "Longest standstill",
            "How long a campaign that has a batch due, and waits for no other, has finished none. Of all apps."
            f"{runbook('FanfareCampaignStalled')}",
            "max(fanfare_campaign_longest_stall_seconds)",
            "s",
            steps={300: "yellow", 900: "red"},
        )
    )
    page.with_panel(
        number(
            "Pause that is left",
            "The app's breaker: until then nothing is sent for it. FCM said 429, or did not answer; sending goes on by itself."
            f"{runbook('FanfareQuotaExceeded', 'FanfareFcmUnreachable')}",
            f"max(fanfare_app_pause_seconds{{{APP}}})",
            "s",
            steps={1: "yellow", 60: "red"},
        )
    )
    page.with_panel(
        number(
            "Campaigns that paused by themselves",
            "With a reason that nobody requested. They wait for a human."
            f"{runbook('FanfareCampaignPaused', 'FanfareCredentialsRefused', 'FanfareLedgerImbalance')}",
            paused("campaign"),
            "short",
            steps={1: "red"},
        )
    )


def _throughput(page: Dashboard) -> None:
    page.with_row(Row("Throughput"))
    page.with_panel(
        graph(
            "Devices a second, by outcome",
            "Outcomes that were recorded.",
            {"{{outcome}}": rate(DEVICES, *_CHOSEN, by="outcome")},
            "ops",
            stacked=True,
            colours=OUTCOMES,
        )
    )
    page.with_panel(
        graph(
            "Devices a second, by priority",
            "High goes first within an app; each priority has its own queue and workers.",
            {"{{priority}}": rate(DEVICES, *_CHOSEN, by="priority")},
            "ops",
            stacked=True,
        )
    )


def _account(page: Dashboard) -> None:
    page.with_row(Row("Account of the time shown"))
    page.with_panel(
        bars(
            "Devices, by outcome",
            "As workers counted them: a worker that was killed took what Prometheus had not read yet with it. The ledger's "
            "account is exact.",
            "{{outcome}}",
            increase(DEVICES, *_CHOSEN, by="outcome"),
            "short",
            colours=OUTCOMES,
        )
    )
    page.with_panel(
        bars(
            "Errors, by code",
            "Devices recorded with an error, by FCM's code. UNREGISTERED is a token that is gone, and is deactivated; "
            "docs/runbooks/README.md has the others.",
            "{{code}}",
            or_none(increase("fanfare_push_errors_total", APP, by="code"), increase(DEVICES, APP), "code"),
            "short",
        )
    )


def _what_holds_back(page: Dashboard) -> None:
    page.with_row(Row("What holds sending back"))
    page.with_panel(
        graph(
            "Share of the quota in use, by app",
            "Devices that FCM answered for, a minute, by the app's quota; dead tokens and retries aside. At 100 % the quota is "
            "what limits: raise it with PATCH /v1/apps/{id} once Google has granted more.",
            {
                "{{app}}": f"60 * {rate(DEVICES, APP, _ANSWERED, by='app')} / on (app) "
                f"(max by (app) (fanfare_app_quota_per_minute{{{APP}}}) > 0)"
            },
            "percentunit",
            steps={1.0: "red"},
            top=1.0,
        )
    )
    page.with_panel(
        durations(
            "Wait for the quota",
            "What a chunk waited before it was sent. Up to seconds when the quota is what limits.",
            "fanfare_push_quota_wait_seconds",
        )
    )
    page.with_panel(
        graph(
            "Pause that is left, by reason",
            "QUOTA_EXCEEDED: FCM said 429, so somebody else uses the project's quota too, or quota_per_minute is above what "
            "Google grants. FCM_UNREACHABLE, TOKEN_ENDPOINT_UNAVAILABLE: the network, or Google."
            f"{runbook('FanfareQuotaExceeded', 'FanfareFcmUnreachable')}",
            {
                "{{reason}}": or_none(
                    f'max by (reason) (fanfare_app_pause_seconds{{{APP}, reason!=""}})',
                    f"max(fanfare_app_pause_seconds{{{APP}}})",
                    "reason",
                )
            },
            "s",
        )
    )
    page.with_panel(
        graph(
            "Errors a second, by code",
            "Devices recorded with an error.",
            {"{{code}}": or_none(rate("fanfare_push_errors_total", APP, by="code"), rate(DEVICES, APP), "code")},
            "ops",
            stacked=True,
        )
    )


def _latency(page: Dashboard) -> None:
    page.with_row(Row("Latency"))
    page.with_panel(
        durations(
            "Requests to FCM",
            "From a request's start to its answer, of all apps; one in 16 is timed.",
            "fanfare_push_request_duration_seconds",
        )
    )
    page.with_panel(
        durations(
            "Batches",
            "From a batch's claim to its close, of all apps. A batch is at most five seconds of the quota or the campaign's "
            "rate; slow answers and retries make it longer.",
            "fanfare_push_batch_duration_seconds",
        )
    )


def _around(page: Dashboard) -> None:
    page.with_row(Row("Around it"))
    page.with_panel(
        graph(
            "Campaigns that are not over",
            "Of all apps, counted from the ledger every ten seconds.",
            {"{{status}}": 'max by (status) (fanfare_campaigns{status=~"scheduled|processing|paused|cancelling"})'},
            "short",
            stacked=True,
            colours=STATUSES,
            width=8,
        )
    )
    page.with_panel(
        graph(
            "Notifications a second",
            "Attempts to tell an owner by webhook or e-mail, of all apps. Failed ones are tried again for a day."
            f"{runbook('FanfareNotificationsGivenUp')}",
            {"{{kind}} {{outcome}}": rate("fanfare_notifications_total", by="kind, outcome")},
            "ops",
            width=8,
        )
    )
    page.with_panel(
        graph(
            "Draws without Redis, a second",
            "Senders that did not reach Redis go by their own share of the quota: it is kept, and sending is slower."
            f"{runbook('FanfareQuotaWithoutRedis')}",
            {"draws": rate("fanfare_push_quota_fallbacks_total")},
            "ops",
            width=8,
        )
    )
