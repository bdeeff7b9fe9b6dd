//! A TrainJob that this program makes and removes again: its creation, its removal with all that it became, and what is
//! still there of it.

use http::{Request, header::CONTENT_TYPE};
use kube::core::{DynamicObject, Request as ResourceRequest, Resource as _, params::PostParams};
use serde_json::json;

use super::{
    connect::Cluster,
    failure::{Failure, FailureKind},
    observe::{fetch_pods, fetch_train_job, pods_of},
    requests::Scope,
    resources,
};

/// What is left of a TrainJob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    pub train_job: usize,
    pub job_sets: usize,
    pub jobs: usize,
    pub pods: usize,
}

impl Remains {
    pub const fn is_nothing(self) -> bool {
        self.train_job + self.job_sets + self.jobs + self.pods == 0
    }
}

impl Cluster {
    /// Has the server store the TrainJob. To create it twice is an error, so that nobody else's is taken for one's own.
    pub async fn create_train_job(
        &self,
        namespace: &str,
        job: &DynamicObject,
    ) -> Result<(), Failure> {
        let name = job.metadata.name.as_deref().unwrap_or_default();
        let words = format!("create TrainJob {namespace}/{name}");
        let path = DynamicObject::url_path(&resources::train_jobs(), Some(namespace));
        let body = serde_json::to_vec(job).map_err(|error| self.unexpected(&words, &error))?;
        let request = ResourceRequest::new(path).create(&PostParams::default(), body);
        self.fetch_text(&words, request).await.map(drop)
    }

    /// Has the server remove the TrainJob at once, and everything that it became after it. The other way around, in the
    /// foreground, Trainer makes the JobSet of a job that is not over again and again. It is no error that there is none.
    pub async fn delete_train_job(&self, namespace: &str, name: &str) -> Result<(), Failure> {
        let words = format!("delete TrainJob {namespace}/{name}");
        let path = DynamicObject::url_path(&resources::train_jobs(), Some(namespace));
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
        });
        let request = Request::delete(format!("{path}/{name}"))
            .header(CONTENT_TYPE, "application/json")
            .body(options.to_string().into_bytes());
        match self.fetch_json::<serde_json::Value>(&words, request).await {
            Err(Failure {
                kind:
                    FailureKind::NotFound {
                        object: Some(_), ..
                    },
                ..
            }) => Ok(()),
            answer => answer.map(drop),
        }
    }
}

/// What is still there of a TrainJob; what the caller may not see counts as gone with it.
pub async fn fetch_remains(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Remains, Failure> {
    let scope = Scope::Namespace(namespace.to_owned());
    let (resource, selector) = (resources::jobs(), pods_of(name));
    let job_set = resources::job_sets();
    let (train_job, job_set, jobs, pods) = tokio::join!(
        fetch_train_job(cluster, namespace, name),
        cluster.fetch_object(&job_set, &scope, name),
        cluster.fetch_objects(&resource, &scope, Some(&selector)),
        fetch_pods(cluster, namespace, name),
    );
    Ok(Remains {
        train_job: usize::from(train_job?.is_some()),
        job_sets: seen(job_set.map(Vec::from_iter))?,
        jobs: seen(jobs)?,
        pods: seen(pods)?,
    })
}

fn seen<T>(listed: Result<Vec<T>, Failure>) -> Result<usize, Failure> {
    match listed {
        Err(failure)
            if matches!(
                failure.kind,
                FailureKind::Forbidden(_) | FailureKind::NotFound { .. }
            ) =>
        {
            Ok(0)
        }
        listed => Ok(listed?.len()),
    }
}
