//! What a roster makes of one look after another, in words.

use serde_json::{Value, json};

use super::*;
use crate::cluster::Workload;

/// A job of two nodes that run.
fn pair() -> Value {
    serde_json::from_str(include_str!("../train_job/objects/pair.json")).unwrap()
}

fn roster() -> Roster {
    Roster::new(Selection::default(), Before::Left)
}

fn look(roster: &mut Roster, objects: &Value) -> Vec<String> {
    words(&roster.observe(&JobObservation::of_objects(objects)))
}

fn words(changes: &[RosterChange]) -> Vec<String> {
    let word = |change: &RosterChange| match change {
        RosterChange::Start {
            target,
            attempt,
            standing,
            ..
        } => format!("start {} {attempt} {standing:?}", target.label),
        RosterChange::Standing { standing, .. } => format!("now {standing:?}"),
        RosterChange::Skipped { target, attempts } => {
            format!("skipped {} {attempts}", target.label)
        }
        RosterChange::Notice(text) | RosterChange::Wait(Some(text)) => text.clone(),
        RosterChange::Wait(None) => "wait over".to_owned(),
        RosterChange::Over(end) => format!("over {end:?}"),
    };
    changes.iter().map(word).collect()
}

/// The container of the first pod ended and runs again, so many times.
fn restart(objects: &mut Value, times: u32) {
    let status = &mut objects["pods"][0]["status"]["containerStatuses"][0];
    status["lastState"] =
        json!({"terminated": {"containerID": format!("c{}", times - 1), "exitCode": 1}});
    status["restartCount"] = json!(times);
    status["containerID"] = json!(format!("c{times}"));
}

fn finish(objects: &mut Value, pod: usize) {
    let status = &mut objects["pods"][pod]["status"]["containerStatuses"][0];
    let id = status["containerID"].clone();
    status["state"] = json!({"terminated": {"containerID": id, "exitCode": 0}});
}

#[test]
fn each_container_starts_once_and_its_end_is_told_once() {
    let (mut roster, mut pair) = (roster(), pair());
    assert_eq!(
        look(&mut roster, &pair),
        ["start node-0 0 Running", "start node-1 0 Running"]
    );
    assert_eq!(look(&mut roster, &pair), Vec::<String>::new());
    finish(&mut pair, 0);
    assert_eq!(look(&mut roster, &pair), ["now Ended"]);
    assert_eq!(look(&mut roster, &pair), Vec::<String>::new());
}

#[test]
fn the_job_is_over_once_and_after_what_its_pods_say() {
    let (mut roster, mut pair) = (roster(), pair());
    look(&mut roster, &pair);
    finish(&mut pair, 0);
    finish(&mut pair, 1);
    pair["trainJob"]["status"]["conditions"] = json!([{"type": "Complete", "status": "True"}]);
    assert_eq!(
        look(&mut roster, &pair),
        ["now Ended", "now Ended", "over Complete"]
    );
    assert_eq!(look(&mut roster, &pair), Vec::<String>::new());
    assert_eq!(roster.delete("another"), []);
}

#[test]
fn what_ended_before_the_first_look_is_read_only_where_wanted() {
    let mut pair = pair();
    restart(&mut pair, 2);
    assert_eq!(look(&mut roster(), &pair)[0], "start node-0 2 Running");
    let mut wanted = Roster::new(Selection::default(), Before::Wanted);
    let changes = look(&mut wanted, &pair);
    assert_eq!(
        changes[..2],
        ["start node-0 1 Previous", "start node-0 2 Running"]
    );
}

#[test]
fn what_began_under_our_eyes_is_read_from_its_first_attempt() {
    let (mut roster, mut running) = (roster(), pair());
    let mut before = running.clone();
    before["pods"][0]["status"] = json!({"phase": "Pending"});
    let changes = look(&mut roster, &before);
    assert_eq!(changes, ["start node-1 0 Running"]);
    restart(&mut running, 1);
    let changes = look(&mut roster, &running);
    assert_eq!(
        changes,
        ["start node-0 0 Previous", "start node-0 1 Running"]
    );
}

#[test]
fn attempts_that_nobody_can_read_any_more_are_counted_from_the_first() {
    let (mut roster, mut running) = (roster(), pair());
    let mut before = running.clone();
    before["pods"][0]["status"] = json!({"phase": "Pending"});
    look(&mut roster, &before);
    restart(&mut running, 3);
    let changes = look(&mut roster, &running);
    let expected = [
        "skipped node-0 2",
        "start node-0 2 Previous",
        "start node-0 3 Running",
    ];
    assert_eq!(changes, expected);
}

#[test]
fn a_pod_that_is_gone_stays_gone_and_another_in_its_place_starts() {
    let (mut roster, mut pair) = (roster(), pair());
    look(&mut roster, &pair);
    let mut again = pair["pods"][0].clone();
    again["metadata"]["uid"] = json!("another");
    again["status"]["containerStatuses"][0]["containerID"] = json!("another");
    pair["pods"][0] = again;
    assert_eq!(
        look(&mut roster, &pair),
        ["now PodGone", "start node-0 0 Running"]
    );
    assert_eq!(look(&mut roster, &pair), Vec::<String>::new());
}

#[test]
fn a_round_of_the_job_set_is_said_and_a_wait_once_for_each_time_that_it_comes_up() {
    let (mut roster, pair) = (roster(), pair());
    look(&mut roster, &pair);
    let mut again = pair.clone();
    again["jobSet"]["status"]["restarts"] = json!(1);
    assert_eq!(
        look(&mut roster, &again),
        ["TrainJob pair begins again with new pods (restart 1)"]
    );
    let mut suspended = again.clone();
    suspended["trainJob"]["spec"]["suspend"] = json!(true);
    for _ in 0..2 {
        assert_eq!(look(&mut roster, &suspended), ["TrainJob pair: suspended"]);
        assert_eq!(look(&mut roster, &suspended), Vec::<String>::new());
        assert_eq!(look(&mut roster, &again), ["wait over"]);
    }
}

#[test]
fn another_job_of_the_same_name_is_another_job() {
    let (mut roster, mut first) = (roster(), pair());
    first["trainJob"]["status"]["conditions"] =
        json!([{"type": "Failed", "status": "True", "reason": "R"}]);
    assert!(look(&mut roster, &first)[2].starts_with("over Failed"));
    let mut second = pair();
    second["trainJob"]["metadata"]["uid"] = json!("second");
    for pod in second["pods"].as_array_mut().unwrap() {
        let uid = format!("{} of the second", pod["metadata"]["uid"]);
        pod["metadata"]["uid"] = json!(uid);
    }
    let changes = look(&mut roster, &second);
    assert_eq!(
        changes,
        [
            "TrainJob pair was deleted and made again: what follows is the new one",
            "now PodGone",
            "now PodGone",
            "start node-0 0 Running",
            "start node-1 0 Running"
        ]
    );
    assert_eq!(words(&roster.delete("second")), ["over Deleted"]);
    assert_eq!(roster.delete("second"), []);
}

#[test]
fn a_node_that_does_not_answer_is_known_by_what_it_does_to_its_pods() {
    let (mut roster, mut pair) = (roster(), pair());
    look(&mut roster, &pair);
    let ready = |pair: &mut Value, status: &str| {
        let conditions = pair["pods"][0]["status"]["conditions"]
            .as_array_mut()
            .unwrap();
        let of_pod = conditions
            .iter_mut()
            .find(|condition| condition["type"] == "Ready");
        of_pod.unwrap()["status"] = json!(status);
    };
    ready(&mut pair, "False");
    assert_eq!(look(&mut roster, &pair), ["now NodeLost"]);
    ready(&mut pair, "True");
    assert_eq!(look(&mut roster, &pair), ["now Running"]);
}

#[test]
fn a_pod_that_a_readiness_gate_keeps_from_being_ready_has_its_node() {
    let (mut roster, mut pair) = (roster(), pair());
    let conditions = &mut pair["pods"][0]["status"]["conditions"];
    *conditions = json!([
        {"type": "ContainersReady", "status": "True"},
        {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"}
    ]);
    assert_eq!(look(&mut roster, &pair)[0], "start node-0 0 Running");
    pair["pods"][0]["status"]["conditions"][1] = json!({"type": "Ready", "status": "False"});
    assert_eq!(look(&mut roster, &pair), ["now NodeLost"]);
}

#[test]
fn why_a_job_waits_in_its_queue_is_told_once_it_is_known() {
    let (mut roster, mut pair) = (roster(), pair());
    pair["trainJob"]["spec"]["suspend"] = json!(true);
    pair["trainJob"]["metadata"]["labels"] = json!({"kueue.x-k8s.io/queue-name": "gpus"});
    pair["pods"] = json!([]);
    let mut observation = JobObservation::of_objects(&pair);
    let plain = "TrainJob pair: waiting in queue gpus of Kueue";
    assert_eq!(words(&roster.observe(&observation)), [plain]);
    for (quota, expected) in [(3, Some(3)), (2, None)] {
        observation.workload = Some(queued(&format!("{quota} nodes are missing")));
        let expected = expected.map(|quota| format!("{plain}: {quota} nodes are missing"));
        assert_eq!(
            words(&roster.observe(&observation)),
            Vec::from_iter(expected)
        );
    }
    observation.workload = None;
    assert_eq!(words(&roster.observe(&observation)), Vec::<String>::new());
}

/// A workload without a quota, for this reason.
fn queued(message: &str) -> Workload {
    let condition = JobCondition {
        kind: "QuotaReserved".into(),
        status: "False".into(),
        reason: "Pending".to_owned(),
        message: message.to_owned(),
        changed: None,
    };
    Workload {
        conditions: vec![condition],
        ..Workload::default()
    }
}
