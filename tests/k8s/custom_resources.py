"""The custom resources that deploy/k8s uses, field by field: whatever is not here is a mistake until it is looked up.

Written from the definitions of RabbitMQ Cluster Operator 2.22, CloudNativePG 1.30 and its Barman Cloud plugin 0.14, KEDA
2.20, Prometheus Operator 0.93 and cert-manager 1.21.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

Duration = Annotated[str, StringConstraints(pattern=r"^\d+(s|m|h)$")]
Size = Annotated[str, StringConstraints(pattern=r"^\d+[KMGT]i$")]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


class Resources(_Part):
    requests: dict[str, str]
    limits: dict[str, str]


class Named(_Part):
    name: str


class Key(Named):
    key: str


class Selector(_Part):
    match_labels: dict[str, str]


class RabbitmqPersistence(_Part):
    storage: Size


class RabbitmqConfiguration(_Part):
    additional_config: str


class RabbitmqTls(_Part):
    secret_name: str
    disable_non_tls_listeners: bool = Field(alias="disableNonTLSListeners")


class RabbitmqOverride(_Part):
    """`stateful_set`: a StatefulSet's spec in parts; its pod's are checked as a pod's are."""

    stateful_set: dict[str, Any]


class RabbitmqCluster(_Part):
    replicas: Literal[1, 3, 5]
    image: str
    termination_grace_period_seconds: int
    persistence: RabbitmqPersistence
    resources: Resources
    rabbitmq: RabbitmqConfiguration
    tls: RabbitmqTls | None = None
    override: RabbitmqOverride


class Synchronous(_Part):
    method: Literal["any", "first"]
    number: int


class PostgresqlConfiguration(_Part):
    synchronous: Synchronous | None = None
    parameters: dict[str, str]
    pg_hba: list[str] = Field(default=[], alias="pg_hba")


class References(_Part):
    config_map_refs: list[Key]


class Initdb(_Part):
    database: str
    owner: str
    encoding: str
    locale_c_type: str = Field(alias="localeCType")
    locale_collate: str
    secret: Named
    post_init_sql_refs: References = Field(alias="postInitSQLRefs")


class Bootstrap(_Part):
    initdb: Initdb


class Role(_Part):
    name: str
    login: Literal[True]
    password_secret: Named


class Managed(_Part):
    roles: list[Role]


class Storage(_Part):
    size: Size


class Affinity(_Part):
    enable_pod_anti_affinity: bool
    pod_anti_affinity_type: Literal["required", "preferred"]
    topology_key: str


class Plugin(_Part):
    name: str
    is_wal_archiver: bool = Field(alias="isWALArchiver")
    parameters: dict[str, str]


class Cluster(_Part):
    instances: int
    image_name: str
    primary_update_strategy: Literal["unsupervised", "supervised"]
    postgresql: PostgresqlConfiguration
    bootstrap: Bootstrap
    managed: Managed
    storage: Storage
    wal_storage: Storage | None = None
    resources: Resources
    affinity: Affinity
    plugins: list[Plugin] = []


class PluginConfiguration(_Part):
    name: str


class ScheduledBackup(_Part):
    schedule: Annotated[str, StringConstraints(pattern=r"^(\S+ ){5}\S+$")]
    backup_owner_reference: Literal["none", "self", "cluster"]
    cluster: Named
    method: Literal["plugin"]
    plugin_configuration: PluginConfiguration


class S3Credentials(_Part):
    access_key_id: Key
    secret_access_key: Key


class Compression(_Part):
    compression: Literal["gzip", "bzip2", "snappy"]


class StoreConfiguration(_Part):
    destination_path: str
    s3_credentials: S3Credentials = Field(alias="s3Credentials")
    wal: Compression
    data: Compression


class ObjectStore(_Part):
    retention_policy: Annotated[str, StringConstraints(pattern=r"^[1-9]\d*[dwm]$")]
    configuration: StoreConfiguration


class Relabeling(_Part):
    source_labels: list[str] = []
    target_label: str
    replacement: str | None = None


class SecretOrConfigMap(_Part):
    secret: Key


class TlsConfig(_Part):
    ca: SecretOrConfigMap
    server_name: str


class Endpoint(_Part):
    port: str
    path: str | None = None
    scheme: Literal["http", "https"] | None = None
    params: dict[str, list[str]] = {}
    interval: Duration
    tls_config: TlsConfig | None = None
    relabelings: list[Relabeling]


class ServiceMonitor(_Part):
    job_label: str | None = None
    selector: Selector
    endpoints: list[Endpoint]


class PodMonitor(_Part):
    selector: Selector
    pod_metrics_endpoints: list[Endpoint]


class Rule(_Part):
    """An alert or a record."""

    alert: str | None = None
    record: str | None = None
    expr: str
    for_: Duration | None = Field(default=None, alias="for")
    keep_firing_for: Duration | None = Field(default=None, alias="keep_firing_for")
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class RuleGroup(_Part):
    name: str
    interval: Duration | None = None
    rules: list[Rule]


class PrometheusRule(_Part):
    groups: list[RuleGroup]


class Fallback(_Part):
    failure_threshold: int
    replicas: int
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]


class AutoscalerConfiguration(_Part):
    behavior: dict[str, Any]


class Advanced(_Part):
    horizontal_pod_autoscaler_config: AutoscalerConfiguration


class PrometheusTrigger(_Part):
    """KEDA takes a trigger's metadata as strings alone."""

    server_address: str
    query: str
    threshold: str
    ignore_null_values: Literal["true", "false"]


class Trigger(_Part):
    type: Literal["prometheus"]
    metric_type: Literal["AverageValue"]
    metadata: PrometheusTrigger


class ScaledObject(_Part):
    scale_target_ref: Named
    polling_interval: int
    cooldown_period: int
    min_replica_count: int
    max_replica_count: int
    fallback: Fallback
    advanced: Advanced
    triggers: list[Trigger]


class PrivateKey(_Part):
    algorithm: Literal["RSA", "ECDSA", "Ed25519"]
    size: int
    rotation_policy: Literal["Never", "Always"] | None = None


class IssuerReference(_Part):
    name: str
    kind: Literal["Issuer", "ClusterIssuer"]


class Certificate(_Part):
    secret_name: str
    duration: Duration
    renew_before: Duration | None = None
    private_key: PrivateKey
    issuer_ref: IssuerReference
    is_ca: bool = Field(default=False, alias="isCA")
    common_name: str | None = None
    dns_names: list[str] = []


class SelfSigned(_Part):
    pass


class Authority(_Part):
    secret_name: str


class Issuer(_Part):
    self_signed: SelfSigned | None = None
    ca: Authority | None = None


SPECS: dict[tuple[str, str], type[_Part]] = {
    ("rabbitmq.com/v1beta1", "RabbitmqCluster"): RabbitmqCluster,
    ("postgresql.cnpg.io/v1", "Cluster"): Cluster,
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): ScheduledBackup,
    ("barmancloud.cnpg.io/v1", "ObjectStore"): ObjectStore,
    ("monitoring.coreos.com/v1", "ServiceMonitor"): ServiceMonitor,
    ("monitoring.coreos.com/v1", "PodMonitor"): PodMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRule,
    ("keda.sh/v1alpha1", "ScaledObject"): ScaledObject,
    ("cert-manager.io/v1", "Certificate"): Certificate,
    ("cert-manager.io/v1", "Issuer"): Issuer,
}
"""What `spec` holds, by apiVersion and kind."""
