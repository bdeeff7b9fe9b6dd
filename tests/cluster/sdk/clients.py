"""The ways to a TrainerClient outside the cluster that guides describe: address, token and authority by hand, the same
from the environment, and a client for each of several clusters. A training is made on every cluster, followed to its
end and deleted; a line of JSON for each step."""

import json
import os

from kubeflow.trainer import CustomTrainer, KubernetesBackendConfig, TrainerClient
from kubernetes import client


def client_by_hand(server, token, authority, namespace):
    configuration = client.Configuration()
    configuration.host = server
    configuration.api_key = {"authorization": f"Bearer {token}"}
    configuration.ssl_ca_cert = authority
    return TrainerClient(KubernetesBackendConfig(client_configuration=configuration, namespace=namespace))


def client_of_environment():
    variables = ["K8S_API_SERVER", "K8S_SERVICE_ACCOUNT_TOKEN", "K8S_CA_CERT_FILE", "K8S_NAMESPACE"]
    return client_by_hand(*(os.environ[name] for name in variables))


def client_of_cluster(cluster):
    """One kubeconfig holds a context for each cluster."""
    file, namespace = os.environ["CLUSTERS"], os.environ[f"NAMESPACE_{cluster.upper()}"]
    return TrainerClient(KubernetesBackendConfig(config_file=file, context=cluster, namespace=namespace))


def train():
    import os

    print("rank", os.environ["PET_NODE_RANK"], "of", os.environ["PET_NNODES"])


def say(**line):
    print(json.dumps(line), flush=True)


say(step="environment", runtimes=sorted(it.name for it in client_of_environment().list_runtimes()))
clusters = {name: client_of_cluster(name) for name in ("dev", "prod")}
jobs = {}
for name, trainer in clusters.items():
    say(step="runtimes", cluster=name, runtimes=sorted(it.name for it in trainer.list_runtimes()))
    jobs[name] = trainer.train(
        runtime=trainer.get_runtime(os.environ["RUNTIME"]),
        trainer=CustomTrainer(func=train, num_nodes=2, resources_per_node={"cpu": "50m", "memory": "64Mi"}),
    )
for name, trainer in clusters.items():
    others = [job.name for job in trainer.list_jobs() if job.name in jobs.values()]
    say(step="jobs", cluster=name, own=others == [jobs[name]])
    status = trainer.wait_for_job_status(jobs[name], timeout=300).status
    say(step="trained", cluster=name, status=status, logs=list(trainer.get_job_logs(jobs[name])))
    trainer.delete_job(jobs[name])
