//! Pods in the API server's binary form. A list of a thousand is read in less time than as JSON, because what is not
//! wanted, such as who manages which field, is passed over as a whole. The numbers of each message's fields stand here;
//! what they fill is the same record as from JSON.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::{
    binary::{Fields, Fill, Malformed, Value, unwrap_message},
    job_records::{ConditionRecord, Labels, Metadata},
    paging::{Page, PageMeta},
    pod_record::{
        ContainerRecord, ContainerStatusRecord, PodRecord, PodSpecRecord, PodStatusRecord,
        RunningRecord, StateRecord, TerminatedRecord, WaitingRecord,
    },
};

/// What is kept of a page of pods; none where the answer is in another form. One pod after the other: together they are
/// some megabytes.
pub(super) fn parse_pods<T>(
    body: &[u8],
    keep: impl Fn(PodRecord) -> T,
) -> Option<Result<Page<T>, Malformed>> {
    Some(unwrap_message(body)?.and_then(|list| parse_list(list, keep)))
}

/// `PodList`.
fn parse_list<T>(list: &[u8], keep: impl Fn(PodRecord) -> T) -> Result<Page<T>, Malformed> {
    let mut page = Page {
        metadata: PageMeta { next: None },
        items: Vec::new(),
    };
    for field in Fields(list) {
        match field? {
            (1, value) => page.metadata = value.message()?,
            (2, value) => page.items.push(keep(value.message()?)),
            _ => {}
        }
    }
    Ok(page)
}

/// `ListMeta`.
impl Fill for PageMeta {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        if field == 3 {
            self.next = owned(value)?;
        }
        Ok(())
    }
}

impl Fill for PodRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.metadata = parse_metadata(value.bytes()?)?,
            2 => self.spec = value.message()?,
            3 => self.status = value.message()?,
            _ => {}
        }
        Ok(())
    }
}

/// `ObjectMeta`.
fn parse_metadata(bytes: &[u8]) -> Result<Metadata, Malformed> {
    let mut object = ObjectMeta::default();
    let mut labels = Vec::new();
    for field in Fields(bytes) {
        let (field, value) = field?;
        match field {
            1 => object.name = owned(value)?,
            3 => object.namespace = owned(value)?,
            5 => object.uid = owned(value)?,
            6 => object.resource_version = owned(value)?,
            8 => object.creation_timestamp = moment(value)?.map(Time),
            9 => object.deletion_timestamp = moment(value)?.map(Time),
            11 => labels.push(parse_entry(value.bytes()?)?),
            _ => {}
        }
    }
    let labels = labels.iter().map(|(name, value)| (&**name, &**value));
    let labels = Labels::pick(labels);
    Ok(Metadata { object, labels })
}

/// One entry of a map.
fn parse_entry(bytes: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), Malformed> {
    let mut entry = (Cow::default(), Cow::default());
    for field in Fields(bytes) {
        match field? {
            (1, value) => entry.0 = value.text()?,
            (2, value) => entry.1 = value.text()?,
            _ => {}
        }
    }
    Ok(entry)
}

fn owned(value: Value<'_>) -> Result<Option<String>, Malformed> {
    Ok(Some(value.text()?.into_owned()))
}

/// `Time`; Go's zero time is one without seconds.
fn moment(value: Value<'_>) -> Result<Option<Timestamp>, Malformed> {
    for field in Fields(value.bytes()?) {
        if let (1, seconds) = field? {
            return Ok(Timestamp::from_second(seconds.signed()?).ok());
        }
    }
    Ok(None)
}

impl Fill for PodSpecRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            2 => self.containers.push(value.message()?),
            10 => self.node_name = owned(value)?,
            20 => self.init_containers.push(value.message()?),
            _ => {}
        }
        Ok(())
    }
}

impl Fill for ContainerRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.name = value.text()?.into_owned(),
            24 => self.restart_policy = owned(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl Fill for PodStatusRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.phase = owned(value)?,
            2 => self.conditions.push(value.message()?),
            3 => self.message = owned(value)?,
            4 => self.reason = owned(value)?,
            8 => self.container_statuses.push(value.message()?),
            10 => self.init_container_statuses.push(value.message()?),
            _ => {}
        }
        Ok(())
    }
}

/// `PodCondition`.
impl Fill for ConditionRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.kind = value.text()?.into_owned(),
            2 => self.status = value.text()?.into_owned(),
            4 => self.last_transition_time = moment(value)?,
            5 => self.reason = owned(value)?,
            6 => self.message = owned(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl Fill for ContainerStatusRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.name = value.text()?.into_owned(),
            2 => self.state = value.message()?,
            3 => self.last_state = value.message()?,
            5 => self.restart_count = value.signed()?.try_into().unwrap_or_default(),
            8 => self.container_id = owned(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl Fill for StateRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.waiting = Some(value.message()?),
            2 => self.running = Some(value.message()?),
            3 => self.terminated = Some(value.message()?),
            _ => {}
        }
        Ok(())
    }
}

impl Fill for WaitingRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.reason = owned(value)?,
            2 => self.message = owned(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl Fill for RunningRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        if field == 1 {
            self.started_at = moment(value)?;
        }
        Ok(())
    }
}

impl Fill for TerminatedRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.exit_code = value.signed()?.try_into().unwrap_or_default(),
            3 => self.reason = owned(value)?,
            5 => self.started_at = moment(value)?,
            6 => self.finished_at = moment(value)?,
            7 => self.container_id = owned(value)?,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::binary::tests::{answer, field},
        *,
    };

    fn label(name: &str, value: &str) -> Vec<u8> {
        let entry = [field(1, name.as_bytes()), field(2, value.as_bytes())].concat();
        field(11, &entry)
    }

    #[test]
    fn of_all_labels_those_that_are_kept_are_picked() {
        let metadata = [
            label("app", "a"),
            label("jobset.sigs.k8s.io/job-index", "3"),
            label("jobset.sigs.k8s.io/jobset-name", "pi"),
        ];
        let Metadata { labels, .. } = parse_metadata(&metadata.concat()).unwrap();
        assert_eq!(labels.job_index.as_deref(), Some("3"));
        assert_eq!(labels.job_set.as_deref(), Some("pi"));
        assert_eq!(labels.group, None);
    }

    #[test]
    fn the_zero_time_of_go_is_no_time() {
        assert_eq!(moment(Value::Bytes(&[])), Ok(None));
        let epoch = moment(Value::Bytes(&[8, 0, 16, 0]));
        assert_eq!(epoch, Ok(Some(Timestamp::UNIX_EPOCH)));
        assert_eq!(moment(Value::Number(1)), Err(Malformed));
    }

    #[test]
    fn an_answer_in_another_form_is_not_taken_and_one_that_is_cut_is_an_error() {
        let pod = field(1, &field(1, b"a"));
        let list = answer(&[field(1, &field(3, b"next")), field(2, &pod)].concat());
        let names = |pod: PodRecord| pod.metadata.object.name;
        let page = parse_pods(&list, names).unwrap().unwrap();
        assert_eq!(page.items, [Some("a".to_owned())]);
        assert_eq!(page.metadata.next.as_deref(), Some("next"));
        assert!(parse_pods(br#"{"items": []}"#, names).is_none());
        for length in 4..list.len() {
            let cut = parse_pods(&list[..length], names).unwrap();
            assert!(cut.is_err(), "{length}");
        }
    }
}
