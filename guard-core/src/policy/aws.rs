//! `aws:SERVICE[/RESOURCE]`: the host names of an AWS service in the function's region.
//!
//! Knows partitions, and through its tables the services; not what a function does with them.
//! Facts: the endpoint rule sets and partition table of botocore (Apache-2.0), and "Service
//! endpoints and quotas" in the AWS General Reference.

use core::fmt;

use super::egress::{EgressRule, HostPattern, Ports, Target};
use super::list::Fault;
use super::near;
use super::operation::Protocol;
use crate::error::quote;

mod table;

use table::{EXTRA, GLOBAL, OWN, RESOURCE};

/// Services with endpoints of the regular form, one a line: the name that entries use, and the
/// endpoint prefix where it differs.
const SERVICES: &str = include_str!("aws/services.txt");

/// The regular endpoints of a service with prefix `{p}`: regional, FIPS 140, dual-stack (IPv4 and
/// IPv6), both, and interface endpoints of a VPC (AWS PrivateLink).
const REGULAR: &[&str] = &[
    "{p}.{r}.{s}",
    "{p}-fips.{r}.{s}",
    "{p}.{r}.{d}",
    "{p}-fips.{r}.{d}",
    "*.{p}.{r}.vpce.{s}",
];

/// A group of regions with host names of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Partition {
    name: &'static str,
    /// What its regions' names begin with.
    regions: &'static str,
    suffix: &'static str,
    dual_stack: &'static str,
    /// Where services without regions live.
    global_region: &'static str,
}

/// The last one takes every region that no other does: new ones keep appearing there.
const PARTITIONS: [Partition; 8] = [
    partition(
        "aws-cn",
        "cn-",
        "amazonaws.com.cn",
        "api.amazonwebservices.com.cn",
        "cn-northwest-1",
    ),
    partition(
        "aws-us-gov",
        "us-gov-",
        "amazonaws.com",
        "api.aws",
        "us-gov-west-1",
    ),
    partition(
        "aws-iso",
        "us-iso-",
        "c2s.ic.gov",
        "api.aws.ic.gov",
        "us-iso-east-1",
    ),
    partition(
        "aws-iso-b",
        "us-isob-",
        "sc2s.sgov.gov",
        "api.aws.scloud",
        "us-isob-east-1",
    ),
    partition(
        "aws-iso-e",
        "eu-isoe-",
        "cloud.adc-e.uk",
        "api.cloud-aws.adc-e.uk",
        "eu-isoe-west-1",
    ),
    partition(
        "aws-iso-f",
        "us-isof-",
        "csp.hci.ic.gov",
        "api.aws.hci.ic.gov",
        "us-isof-south-1",
    ),
    partition(
        "aws-eusc",
        "eusc-",
        "amazonaws.eu",
        "api.amazonwebservices.eu",
        "eusc-de-east-1",
    ),
    partition("aws", "", "amazonaws.com", "api.aws", "us-east-1"),
];

const fn partition(
    name: &'static str,
    regions: &'static str,
    suffix: &'static str,
    dual_stack: &'static str,
    global_region: &'static str,
) -> Partition {
    Partition {
        name,
        regions,
        suffix,
        dual_stack,
        global_region,
    }
}

/// The region a function runs in, as `AWS_REGION` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    name: String,
    partition: Partition,
}

impl Region {
    /// A region by name, whether or not it exists yet.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let parts: Vec<_> = name.split('-').collect();
        let (number, words) = parts.split_last()?;
        let is_word =
            |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if name.len() > 32 || words.len() < 2 || !is_number || !words.iter().all(is_word) {
            return None;
        }
        let partition = PARTITIONS
            .into_iter()
            .find(|part| name.starts_with(part.regions))?;
        Some(Self {
            name: name.to_owned(),
            partition,
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The rules that `SERVICE[/RESOURCE]`, the text behind `aws:`, stands for.
pub(super) fn expand(text: &str, region: Option<&Region>) -> Result<Vec<EgressRule>, Fault> {
    let (service, resource) = match text.split_once('/') {
        Some((service, resource)) => (service, Some(resource)),
        None => (text, None),
    };
    if !is_known(service) {
        return Err(unknown(service));
    }
    let Some(region) = region else {
        let reason = format!(
            "{} needs AWS_REGION, which is not the name of a region",
            quote(text)
        );
        return Err(Fault::new(0, reason, "AWS_REGION such as \"eu-central-1\""));
    };
    let templates = match resource {
        Some(resource) => {
            let at = service.len() + 1;
            templates_of_resource(service, resource).map_err(|fault| Fault {
                at: fault.at + at,
                ..fault
            })?
        }
        None => templates(service)?,
    };
    let mut rules = Vec::new();
    for template in templates {
        if let Some(rule) = fill(&template, region, resource.unwrap_or_default())
            && !rules.contains(&rule)
        {
            rules.push(rule);
        }
    }
    Ok(rules)
}

/// Names of services that entries may use.
pub(super) fn services() -> impl Iterator<Item = &'static str> {
    let listed = SERVICES.lines().filter_map(|line| line.split(' ').next());
    let own = OWN.iter().map(|(name, _)| *name);
    listed
        .chain(own)
        .chain(GLOBAL.iter().copied())
        .chain(RESOURCE.iter().map(|(name, _)| *name))
}

/// `SERVICE/RESOURCE` for every resource whose host names this may be one of.
pub(super) fn resources(host: &str, region: &Region) -> Vec<String> {
    let mut found = Vec::new();
    for (service, templates) in RESOURCE {
        for template in templates
            .iter()
            .filter_map(|template| template.strip_prefix("{n}"))
        {
            let Some(rule) = fill(&format!("x{template}"), region, "") else {
                continue;
            };
            let Target::Host(pattern) = rule.target() else {
                continue;
            };
            let tail = pattern.name().get(1..).unwrap_or_default();
            if let Some(resource) = host.strip_suffix(tail) {
                found.push(format!("{service}/{resource}"));
            }
        }
    }
    found
}

fn is_known(service: &str) -> bool {
    services().any(|name| name == service)
}

fn unknown(service: &str) -> Fault {
    let reason = match near::nearest(service, services()) {
        Some(near) => format!(
            "{} is no service (did you mean {}?)",
            quote(service),
            quote(near)
        ),
        None => format!("{} is no service", quote(service)),
    };
    Fault::new(
        0,
        reason,
        "an endpoint prefix or AWS CLI name such as s3, dynamodb, sqs, sns, secretsmanager, kms, \
         sts, logs, lambda, events, states; other hosts by their full names",
    )
}

fn templates(service: &str) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    if let Some((_, own)) = OWN.iter().find(|(name, _)| *name == service) {
        found.extend(own.iter().map(|template| (*template).to_owned()));
    } else if GLOBAL.contains(&service) {
        found.extend(
            REGULAR
                .iter()
                .map(|t| t.replace("{p}", service).replace("{r}", "{g}")),
        );
    } else if let Some(prefix) = prefix(service) {
        found.extend(
            REGULAR
                .iter()
                .map(|template| template.replace("{p}", prefix)),
        );
        let extra = EXTRA.iter().filter(|(name, _)| *name == prefix);
        found.extend(extra.flat_map(|(_, more)| more.iter().map(|t| (*t).to_owned())));
    }
    // Every host of these belongs to a customer: all of them would be anybody.
    if found.is_empty() || matches!(service, "execute-api" | "apigatewaymanagementapi") {
        let reason = format!(
            "{} alone would allow the endpoints of every customer",
            quote(service)
        );
        return Err(Fault::new(0, reason, format!("\"aws:{service}/ID\"")));
    }
    Ok(found)
}

fn prefix(service: &str) -> Option<&'static str> {
    SERVICES
        .lines()
        .find_map(|line| match line.split_once(' ') {
            Some((name, prefix)) => (name == service).then_some(prefix),
            None => (line == service).then_some(line),
        })
}

fn templates_of_resource(service: &str, resource: &str) -> Result<Vec<String>, Fault> {
    let Some((_, templates)) = RESOURCE.iter().find(|(name, _)| *name == service) else {
        let names: Vec<_> = RESOURCE.iter().map(|(name, _)| *name).collect();
        let reason = format!(
            "host names of {} do not tell resources apart",
            quote(service)
        );
        let accepted = format!("\"aws:{service}\"; resources of {}", names.join(", "));
        return Err(Fault::new(0, reason, accepted));
    };
    // S3 has the widest names: lower case letters, digits, "." and "-", 3 to 63 bytes.
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let is_dotted = service == "s3";
    let is_name = !resource.is_empty()
        && resource.len() <= 63
        && (resource.len() >= 3 || !is_dotted)
        && resource
            .bytes()
            .all(|byte| is_allowed(byte) && (is_dotted || byte != b'.'))
        && resource
            .split('.')
            .all(|part| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-'));
    if !is_name {
        let reason = format!(
            "{} is not the name of a resource of {service}",
            quote(resource)
        );
        let accepted = if is_dotted {
            "the name of a bucket: lower case letters, digits, \".\" and \"-\", 3 to 63 bytes"
        } else {
            "the identifier in front of the host name: lower case letters, digits and \"-\""
        };
        return Err(Fault::new(0, reason, accepted));
    }
    let mut found: Vec<_> = templates
        .iter()
        .map(|template| (*template).to_owned())
        .collect();
    // A directory bucket names its zone: NAME--ZONE--x-s3.
    if let Some((_, zone)) = resource
        .strip_suffix("--x-s3")
        .and_then(|name| name.rsplit_once("--"))
    {
        found.push(format!("{{n}}.s3express-{zone}.{{r}}.{{s}}"));
        found.push(format!("{{n}}.s3express-{zone}.dualstack.{{r}}.{{s}}"));
        found.push(format!("{{n}}.s3express-fips-{zone}.{{r}}.{{s}}"));
    }
    Ok(found)
}

/// The rule that a template is in a region, unless it is one of another partition or region.
fn fill(template: &str, region: &Region, resource: &str) -> Option<EgressRule> {
    let (place, template) = template.split_once('|').unwrap_or(("", template));
    if !place.is_empty() && place != region.partition.name && place != region.name {
        return None;
    }
    let (host, port) = template.split_once(':').unwrap_or((template, "443"));
    let host = host
        .replace("{r}", &region.name)
        .replace("{s}", region.partition.suffix)
        .replace("{d}", region.partition.dual_stack)
        .replace("{g}", region.partition.global_region)
        .replace("{n}", resource);
    let pattern = match host.strip_prefix("*.") {
        Some(suffix) => HostPattern::below(suffix.to_owned()),
        None => HostPattern::exact(host),
    };
    let ports = Ports::one(port.parse().ok()?);
    Some(EgressRule {
        target: Target::Host(pattern),
        ports,
        protocol: Protocol::Tcp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_expands_to_valid_names_in_every_partition() {
        let regions = [
            "eu-central-1",
            "cn-north-1",
            "us-gov-west-1",
            "us-iso-east-1",
            "mx-central-1",
        ];
        for region in regions.map(|name| Region::parse(name).unwrap()) {
            for service in services() {
                let found = expand(service, Some(&region))
                    .or_else(|_| expand(&format!("{service}/abc123"), Some(&region)));
                let rules = found.unwrap_or_else(|fault| panic!("{service}: {fault:?}"));
                assert!(!rules.is_empty(), "{service}");
                for rule in rules {
                    let Target::Host(pattern) = rule.target() else {
                        panic!("{rule}")
                    };
                    let written = pattern.to_string();
                    assert_eq!(
                        HostPattern::parse(&written).as_ref(),
                        Ok(pattern),
                        "{service}"
                    );
                    // A suffix is never all of the partition or of the region.
                    let front = pattern.name().strip_suffix(region.partition.suffix);
                    let is_whole = front.is_some_and(|front| {
                        front.is_empty() || front.strip_suffix('.') == Some(&region.name)
                    });
                    assert!(!is_whole, "{rule}");
                }
            }
        }
    }

    #[test]
    fn services_are_named_once() {
        let mut names: Vec<_> = SERVICES
            .lines()
            .filter_map(|l| l.split(' ').next())
            .collect();
        names.extend(OWN.iter().map(|(name, _)| *name));
        names.extend(GLOBAL);
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
