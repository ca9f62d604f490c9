//! Services whose endpoints are not, or not only, of the regular form.
//!
//! In a template `{r}` is the region, `{s}` the partition's suffix, `{d}` its dual-stack suffix,
//! `{g}` the region of services without regions, `{n}` the resource; `PARTITION|` or `REGION|`
//! before it limits where it exists, `:PORT` behind it replaces 443.

type Templates = &'static [(&'static str, &'static [&'static str])];

/// Services without regions, with the regular endpoints in the partition's global region.
pub(super) const GLOBAL: &[&str] = &[
    "account",
    "artifact",
    "bcm-dashboards",
    "bcm-data-exports",
    "bcm-pricing-calculator",
    "bcm-recommended-actions",
    "billing",
    "billingconductor",
    "ce",
    "chime",
    "invoicing",
    "mturk-requester",
    "notifications-contacts",
    "organizations",
    "pricingplanmanager",
    "route53domains",
    "shield",
    "support",
    "tax",
];

/// Services with endpoints of other forms only.
pub(super) const OWN: Templates = &[
    (
        "arc-region-switch",
        &[
            "arc-region-switch.{r}.{d}",
            "arc-region-switch-fips.{r}.{d}",
            "arc-region-switch-control-plane.{g}.{d}",
        ],
    ),
    (
        "budgets",
        &["budgets.{s}", "budgets.{g}.{d}", "budgets.global.{s}"],
    ),
    (
        "cloudfront",
        &[
            "cloudfront.{s}",
            "cloudfront-fips.{s}",
            "cloudfront.global.{d}",
            "cloudfront-fips.global.{d}",
            "aws-cn|cloudfront.cn-northwest-1.{s}",
        ],
    ),
    ("cloudfront-keyvaluestore", &["*.cloudfront-kvs.global.{d}"]),
    (
        "codecatalyst",
        &["codecatalyst.global.{d}", "codecatalyst-fips.global.{d}"],
    ),
    (
        "email-smtp",
        &[
            "email-smtp.{r}.{s}:25",
            "email-smtp.{r}.{s}:465",
            "email-smtp.{r}.{s}:587",
            "email-smtp.{r}.{s}:2465",
            "email-smtp.{r}.{s}:2587",
        ],
    ),
    (
        "globalaccelerator",
        &[
            "globalaccelerator.us-west-2.{s}",
            "globalaccelerator.us-west-2.{d}",
        ],
    ),
    (
        "health",
        &[
            "global.health.{s}",
            "health.{g}.{s}",
            "health.{r}.{s}",
            "health.{g}.{d}",
        ],
    ),
    (
        "iam",
        &[
            "aws|iam.{s}",
            "aws|iam-fips.{s}",
            "aws|iam.global.{d}",
            "aws|iam-fips.global.{d}",
            "aws-cn|iam.cn-north-1.{s}",
            "aws-cn|iam.global.{d}",
            "aws-us-gov|iam.us-gov.{s}",
            "aws-us-gov|iam.us-gov.{d}",
            "aws-eusc|iam.global.{d}",
            "iam.{g}.{s}",
            "iam.{g}.{d}",
        ],
    ),
    ("importexport", &["importexport.{s}"]),
    (
        "networkmanager",
        &[
            "aws|networkmanager.us-west-2.{s}",
            "aws|networkmanager.us-west-2.{d}",
            "networkmanager.{g}.{s}",
            "networkmanager.{g}.{d}",
        ],
    ),
    (
        "partnercentral-channel",
        &["partnercentral-channel.global.{d}"],
    ),
    ("partnercentral-prm", &["partnercentral-prm.global.{d}"]),
    (
        "route53",
        &[
            "aws|route53.{s}",
            "aws|route53-fips.{s}",
            "aws|route53.global.{d}",
            "aws|route53-fips.global.{d}",
            "aws-us-gov|route53.us-gov.{s}",
            "aws-us-gov|route53.us-gov.{d}",
            "aws-cn|route53.{s}",
            "aws-cn|route53.global.{d}",
            "aws-iso|route53.{s}",
            "aws-iso-b|route53.{s}",
            "aws-iso-e|route53.{s}",
            "aws-iso-f|route53.{s}",
            "aws-eusc|route53.{s}",
            "aws-eusc|route53.global.{d}",
        ],
    ),
    (
        "route53-recovery-control-config",
        &[
            "route53-recovery-control-config.us-west-2.{s}",
            "arc-recovery-control-config.us-west-2.{d}",
        ],
    ),
    // Virtual-host and path-style names of every bucket of every account in the region: an entry
    // for one bucket is narrower.
    (
        "s3",
        &[
            "s3.{r}.{s}",
            "*.s3.{r}.{s}",
            "s3.dualstack.{r}.{s}",
            "*.s3.dualstack.{r}.{s}",
            "s3-fips.{r}.{s}",
            "*.s3-fips.{r}.{s}",
            "s3-fips.dualstack.{r}.{s}",
            "*.s3-fips.dualstack.{r}.{s}",
            "s3-{r}.{s}",
            "*.s3-{r}.{s}",
            "*.s3-accesspoint.{r}.{s}",
            "*.s3-accesspoint.dualstack.{r}.{s}",
            "*.s3-accesspoint-fips.{r}.{s}",
            "*.s3-object-lambda.{r}.{s}",
            "*.s3.{r}.vpce.{s}",
            "us-east-1|s3.{s}",
            "us-east-1|*.s3.{s}",
        ],
    ),
    (
        "s3-control",
        &[
            "s3-control.{r}.{s}",
            "*.s3-control.{r}.{s}",
            "s3-control.dualstack.{r}.{s}",
            "*.s3-control.dualstack.{r}.{s}",
            "s3-control-fips.{r}.{s}",
            "s3-control-fips.dualstack.{r}.{s}",
            "s3express-control.{r}.{s}",
            "s3express-control.dualstack.{r}.{s}",
        ],
    ),
    (
        "savingsplans",
        &[
            "savingsplans.{s}",
            "savingsplans.global.{d}",
            "savingsplans.{r}.{s}",
        ],
    ),
    (
        "sustainability",
        &["sustainability.global.{d}", "api.sustainability.{r}.{d}"],
    ),
    ("waf", &["waf.{s}", "waf-fips.{s}"]),
];

/// Endpoints beside the regular ones, by endpoint prefix.
pub(super) const EXTRA: Templates = &[
    (
        "api.detective",
        &["detective.{r}.{d}", "detective-fips.{r}.{d}"],
    ),
    (
        "api.ecr",
        &["ecr.{r}.{d}", "ecr-fips.{r}.{d}", "ecr-fips.{r}.{s}"],
    ),
    ("api.ecr-public", &["ecr-public.{r}.{d}"]),
    ("api.pricing", &["api.pricing.{g}.{s}"]),
    ("api.sagemaker", &["api-fips.sagemaker.{r}.{s}"]),
    ("api.tunneling.iot", &["api.iot-tunneling.{r}.{d}"]),
    ("batch", &["fips.batch.{r}.{s}"]),
    ("catalog.marketplace", &["catalog-marketplace.{r}.{d}"]),
    (
        "data-ats.iot",
        &[
            "data-ats.iot.{r}.{s}:8883",
            "data-ats.iot.{r}.{s}:8443",
            "data.iot-fips.{r}.{s}",
        ],
    ),
    // An account's own names; current SDKs prefer them.
    ("dynamodb", &["*.ddb.{r}.{s}", "*.ddb.{r}.{d}"]),
    ("eks", &["fips.eks.{r}.{s}"]),
    ("elasticfilesystem", &["efs.{r}.{d}", "efs-fips.{r}.{d}"]),
    ("elasticmapreduce", &["{r}.elasticmapreduce.{s}"]),
    ("es", &["aos.{r}.{d}"]),
    (
        "events",
        &["*.endpoint.events.{s}", "*.endpoint.events.{d}"],
    ),
    (
        "entitlement.marketplace",
        &["entitlement-marketplace.{r}.{d}"],
    ),
    (
        "geo-maps",
        &[
            "maps.geo.{r}.{s}",
            "maps.geo.{r}.{d}",
            "maps.geo-fips.{r}.{s}",
        ],
    ),
    (
        "geo-places",
        &[
            "places.geo.{r}.{s}",
            "places.geo.{r}.{d}",
            "places.geo-fips.{r}.{s}",
        ],
    ),
    (
        "geo-routes",
        &[
            "routes.geo.{r}.{s}",
            "routes.geo.{r}.{d}",
            "routes.geo-fips.{r}.{s}",
        ],
    ),
    ("kafka", &["kafka-api.{r}.{d}", "kafka-api-fips.{r}.{d}"]),
    (
        "kinesis",
        &[
            "*.data-kinesis.{r}.{s}",
            "*.data-kinesis.{r}.{d}",
            "*.control-kinesis.{r}.{s}",
            "*.control-kinesis.{r}.{d}",
        ],
    ),
    ("kinesisvideo", &["*.kinesisvideo.{r}.{s}"]),
    ("mediaconvert", &["*.mediaconvert.{r}.{s}"]),
    ("metering.marketplace", &["metering-marketplace.{r}.{d}"]),
    ("models.lex", &["models-fips.lex.{r}.{s}"]),
    ("runtime.lex", &["runtime-fips.lex.{r}.{s}"]),
    ("runtime.sagemaker", &["runtime-fips.sagemaker.{r}.{s}"]),
    ("sqs", &["{r}.queue.{s}", "us-east-1|queue.{s}"]),
    (
        "streams.dynamodb",
        &[
            "streams-dynamodb.{r}.{d}",
            "streams-dynamodb-fips.{r}.{d}",
            "*.streams-ddb.{r}.{s}",
            "*.streams-ddb.{r}.{d}",
        ],
    ),
    // Older SDKs and `AWS_STS_REGIONAL_ENDPOINTS=legacy` use the global name.
    ("sts", &["sts.{s}"]),
    (
        "ingest.timestream",
        &["timestream-ingest.{r}.{d}", "*.timestream.{r}.{s}"],
    ),
    (
        "query.timestream",
        &["timestream-query.{r}.{d}", "*.timestream.{r}.{s}"],
    ),
    (
        "transcribe",
        &["transcribestreaming.{r}.{s}", "fips.transcribe.{r}.{s}"],
    ),
    (
        "wellarchitected",
        &[
            "wellarchitected-agent.{r}.{s}",
            "wellarchitected-agent.{r}.{d}",
        ],
    ),
];

/// Services whose host names tell resources apart.
pub(super) const RESOURCE: Templates = &[
    ("aoss", &["{n}.{r}.aoss.{s}"]),
    (
        "appsync",
        &[
            "{n}.appsync-api.{r}.{s}",
            "{n}.appsync-realtime-api.{r}.{s}",
        ],
    ),
    (
        "apigatewaymanagementapi",
        &["{n}.execute-api.{r}.{s}", "{n}.execute-api.{r}.{d}"],
    ),
    ("dsql", &["{n}.dsql.{r}.on.aws:5432"]),
    (
        "execute-api",
        &["{n}.execute-api.{r}.{s}", "{n}.execute-api.{r}.{d}"],
    ),
    (
        "iot-data",
        &[
            "{n}-ats.iot.{r}.{s}",
            "{n}-ats.iot.{r}.{s}:8443",
            "{n}-ats.iot.{r}.{s}:8883",
            "{n}.iot.{r}.{s}",
            "{n}.iot.{r}.{s}:8443",
            "{n}.iot.{r}.{s}:8883",
        ],
    ),
    ("lambda-url", &["{n}.lambda-url.{r}.on.aws"]),
    // Path-style requests (s3.REGION.amazonaws.com/BUCKET) carry the bucket in the URL, where a
    // host rule does not see it, so those hosts are not here; nor are interface endpoints, which
    // have a label of the customer's in the middle.
    (
        "s3",
        &[
            "{n}.s3.{r}.{s}",
            "{n}.s3.dualstack.{r}.{s}",
            "{n}.s3-fips.{r}.{s}",
            "{n}.s3-fips.dualstack.{r}.{s}",
            "{n}.s3-{r}.{s}",
            "{n}.s3.{s}",
            "{n}.s3-accelerate.{s}",
            "{n}.s3-accelerate.dualstack.{s}",
        ],
    ),
];
