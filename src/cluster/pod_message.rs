//! Pods in the API server's binary form. A list of a thousand is read in less time than as JSON, because what is not
//! wanted, such as who manages which field, is passed over as a whole. The numbers of each message's fields stand here;
//! what they fill is the same record as from JSON.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    binary::{Fill, Malformed, Value, read_message, unwrap_message},
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
    Some(unwrap_message(body)?.and_then(|message| {
        let mut list = PodList {
            metadata: PageMeta::default(),
            items: Vec::new(),
            keep,
        };
        read_message(message, &mut list)?;
        Ok(Page {
            metadata: list.metadata,
            items: list.items,
        })
    }))
}

/// `PodList`.
struct PodList<T, K> {
    metadata: PageMeta,
    items: Vec<T>,
    keep: K,
}

impl<T, K: Fn(PodRecord) -> T> Fill<'_> for PodList<T, K> {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => value.read_into(&mut self.metadata)?,
            2 => {
                let mut pod = PodRecord::default();
                value.read_into(&mut pod)?;
                self.items.push((self.keep)(pod));
            }
            _ => {}
        }
        Ok(())
    }
}

/// `ListMeta`.
impl Fill<'_> for PageMeta {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        if field == 3 {
            self.next = owned(value)?;
        }
        Ok(())
    }
}

impl Fill<'_> for PodRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => value.read_into(&mut self.metadata),
            2 => value.read_into(&mut self.spec),
            3 => value.read_into(&mut self.status),
            _ => Ok(()),
        }
    }
}

/// `ObjectMeta`.
impl Fill<'_> for Metadata {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        let object = &mut self.object;
        match field {
            1 => object.name = owned(value)?,
            3 => object.namespace = owned(value)?,
            5 => object.uid = owned(value)?,
            6 => object.resource_version = owned(value)?,
            8 => object.creation_timestamp = moment(value)?.map(Time),
            9 => object.deletion_timestamp = moment(value)?.map(Time),
            11 => read_label(value, &mut self.labels)?,
            _ => {}
        }
        Ok(())
    }
}

/// Of most labels only the name is looked at.
fn read_label(entry: Value<'_>, labels: &mut Labels) -> Result<(), Malformed> {
    let mut label = Entry {
        name: Value::Bytes(&[]),
        text: Value::Bytes(&[]),
    };
    entry.read_into(&mut label)?;
    if let Some(place) = labels.place(label.name.bytes()?) {
        *place = owned(label.text)?;
    }
    Ok(())
}

/// One entry of a map.
struct Entry<'a> {
    name: Value<'a>,
    text: Value<'a>,
}

impl<'a> Fill<'a> for Entry<'a> {
    fn fill(&mut self, field: u64, value: Value<'a>) -> Result<(), Malformed> {
        match field {
            1 => self.name = value,
            2 => self.text = value,
            _ => {}
        }
        Ok(())
    }
}

fn owned(value: Value<'_>) -> Result<Option<String>, Malformed> {
    Ok(Some(value.text()?))
}

fn moment(value: Value<'_>) -> Result<Option<Timestamp>, Malformed> {
    let mut moment = Moment(None);
    value.read_into(&mut moment)?;
    Ok(moment.0)
}

/// `Time`; Go's zero time is one without seconds.
struct Moment(Option<Timestamp>);

impl Fill<'_> for Moment {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        if field == 1 {
            self.0 = Timestamp::from_second(value.signed()?).ok();
        }
        Ok(())
    }
}

impl Fill<'_> for PodSpecRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            2 => value.read_one_of(&mut self.containers)?,
            10 => self.node_name = owned(value)?,
            20 => value.read_one_of(&mut self.init_containers)?,
            _ => {}
        }
        Ok(())
    }
}

impl Fill<'_> for ContainerRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.name = value.text()?,
            24 => self.restart_policy = owned(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl Fill<'_> for PodStatusRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.phase = owned(value)?,
            2 => value.read_one_of(&mut self.conditions)?,
            3 => self.message = owned(value)?,
            4 => self.reason = owned(value)?,
            8 => value.read_one_of(&mut self.container_statuses)?,
            10 => value.read_one_of(&mut self.init_container_statuses)?,
            _ => {}
        }
        Ok(())
    }
}

/// `PodCondition`.
impl Fill<'_> for ConditionRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.kind = value.word()?,
            2 => self.status = value.word()?,
            4 => self.last_transition_time = moment(value)?,
            5 => self.reason = owned(value)?,
            6 => self.message = owned(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl Fill<'_> for ContainerStatusRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.name = value.text()?,
            2 => value.read_into(&mut self.state)?,
            3 => value.read_into(&mut self.last_state)?,
            5 => self.restart_count = value.signed()?.try_into().unwrap_or_default(),
            8 => self.container_id = owned(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl Fill<'_> for StateRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => value.read_into(self.waiting.get_or_insert_default()),
            2 => value.read_into(self.running.get_or_insert_default()),
            3 => value.read_into(self.terminated.get_or_insert_default()),
            _ => Ok(()),
        }
    }
}

impl Fill<'_> for WaitingRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.reason = owned(value)?,
            2 => self.message = owned(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl Fill<'_> for RunningRecord {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        if field == 1 {
            self.started_at = moment(value)?;
        }
        Ok(())
    }
}

impl Fill<'_> for TerminatedRecord {
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
        let mut read = Metadata::default();
        read_message(&metadata.concat(), &mut read).unwrap();
        let labels = read.labels;
        assert_eq!(labels.job_index.as_deref(), Some("3"));
        assert_eq!(labels.job_set.as_deref(), Some("pi"));
        assert_eq!(labels.group, None);
    }

    #[test]
    fn what_comes_twice_is_one_and_an_empty_label_is_there() {
        let index = "jobset.sigs.k8s.io/job-index";
        let uid = "jobset.sigs.k8s.io/jobset-uid";
        let labels = [label(index, "1"), label(index, "2"), label(uid, "")].concat();
        let status = [field(3, &field(1, b"Running")), field(3, &field(4, b"why"))].concat();
        let mut pod = PodRecord::default();
        read_message(&[field(1, &labels), status].concat(), &mut pod).unwrap();
        assert_eq!(pod.metadata.labels.job_index.as_deref(), Some("2"));
        assert_eq!(pod.metadata.labels.job_set_uid.as_deref(), Some(""));
        assert_eq!(pod.status.phase.as_deref(), Some("Running"));
        assert_eq!(pod.status.reason.as_deref(), Some("why"));
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
