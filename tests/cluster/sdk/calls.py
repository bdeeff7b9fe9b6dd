"""What a person does with the Kubeflow SDK, call by call: a line of JSON for each, with what came back or with what
the API server refused. The login is that of the kubeconfig, or of the module that LOGIN names. JOB is a job to look at where
none is made here."""

import importlib.util
import json
import os
import sys

from kubeflow.trainer import CustomTrainer, TrainerClient
from kubernetes.client.exceptions import ApiException

RUNTIME = os.environ["RUNTIME"]


def train():
    import os

    print("trained on node", os.environ["PET_NODE_RANK"], "of", os.environ["PET_NNODES"])


def client():
    path = os.environ.get("LOGIN")
    if not path:
        return TrainerClient()
    spec = importlib.util.spec_from_file_location("login", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.trainer


def refusal(error):
    """The SDK's own words say little: what the API server said is a cause of them."""
    while error is not None:
        if isinstance(error, ApiException):
            return {"status": error.status, "said": json.loads(error.body)["message"]}
        last, error = error, error.__cause__ or error.__context__
    return {"status": None, "said": f"{type(last).__name__}: {last}"}


def attempt(name, call, show):
    try:
        value = call()
        line = {"call": name, "value": show(value)}
    except Exception as error:
        value, line = None, {"call": name, "refused": refusal(error)}
    print(json.dumps(line), flush=True)
    return value


trainer = client()
names = lambda things: sorted(thing.name for thing in things)
attempt("list_runtimes", trainer.list_runtimes, names)
runtime = attempt("get_runtime", lambda: trainer.get_runtime(RUNTIME), lambda it: it.name)
custom = CustomTrainer(func=train, num_nodes=2, resources_per_node={"cpu": "50m", "memory": "64Mi"})
made = attempt("train", lambda: trainer.train(runtime=runtime or RUNTIME, trainer=custom), str)
job = os.environ.get("JOB") or made
if job is None:
    sys.exit("no job was made, and JOB names none")
attempt("get_job", lambda: trainer.get_job(job), lambda it: it.name)
attempt("list_jobs", trainer.list_jobs, names)
attempt("wait_for_job_status", lambda: trainer.wait_for_job_status(job, timeout=300), lambda it: it.status)
attempt("get_job_logs", lambda: list(trainer.get_job_logs(job)), lambda lines: lines)
attempt("get_job_events", lambda: trainer.get_job_events(job), lambda events: sorted({it.reason for it in events}))
if "KEEP" not in os.environ:
    attempt("delete_job", lambda: trainer.delete_job(job), lambda it: it)
