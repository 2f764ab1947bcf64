"""What a Compose file may not ask for, by name and with the reason.

A replica must not reach out of its network, up to the host or into another replica; what is left
of Compose beyond the subset would be ignored in silence, so it is refused as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from clinops.domain.fault import Fault, refuse

HarmlessCapability = Literal[
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"
]
"""The only capabilities that a service may ask back; all are dropped to begin with."""

_HOST = "a replica may never share the host's"
_DEVICES = "a replica may never have devices of the host"
_OWN_NETWORK = "a replica has one network of its own, without a way out"
_SET_APART = "ClinOps names, places and tells its containers apart itself"
_NO_HOST_FILES = "a replica may never read files of the host"
_NO_RESTART = "a service that starts again hides that it failed"
_IN_IMAGE = "what a service needs belongs into its image, so that a digest covers it"
_LIMITS = "limits are written as mem_limit, cpus, pids_limit and shm_size"
_NO_TERMINAL = "nobody sits at a replica"
_ONE_FILE = "one file says all, so that one digest covers it"

REFUSED_IN_SERVICES = {
    "privileged": "a replica may never be privileged: that is root on the host",
    "network_mode": f"{_HOST} network, nor another container's; {_OWN_NETWORK}",
    "pid": f"{_HOST} processes",
    "ipc": f"{_HOST} shared memory",
    "uts": f"{_HOST} name",
    "userns_mode": f"{_HOST} user ids",
    "cgroup": f"{_HOST} control groups",
    "cgroup_parent": f"{_HOST} control groups",
    "devices": _DEVICES,
    "device_cgroup_rules": _DEVICES,
    "gpus": _DEVICES,
    "use_api_socket": "a replica may never have the engine's socket: that is root on the host",
    "volumes_from": "a replica may never have another container's files",
    "sysctls": "a replica may never set parameters of the kernel",
    "runtime": "a replica may not choose how it is confined",
    "isolation": "a replica may not choose how it is confined",
    "credential_spec": "a replica may never have credentials of the host",
    "oom_kill_disable": "a replica may not escape its memory limit",
    "oom_score_adj": "a replica may not escape its memory limit",
    "group_add": "a replica may not join further groups",
    "ports": "a replica publishes no ports; suites reach it by x-clinops endpoints",
    "expose": "it does nothing; name the doors as x-clinops endpoints",
    "extra_hosts": "a replica may not be led to machines outside its network",
    "external_links": f"{_OWN_NETWORK}",
    "links": "services find each other by name already",
    "networks": _OWN_NETWORK,
    "dns": _OWN_NETWORK,
    "dns_opt": _OWN_NETWORK,
    "dns_search": _OWN_NETWORK,
    "domainname": _OWN_NETWORK,
    "mac_address": _OWN_NETWORK,
    "env_file": f"{_NO_HOST_FILES}, and secrets do not belong there; write `environment`",
    "label_file": f"{_NO_HOST_FILES}; write `labels`",
    "configs": f"{_NO_HOST_FILES}; {_IN_IMAGE}",
    "secrets": f"{_NO_HOST_FILES}; replicas hold synthetic data only",
    "develop": _NO_HOST_FILES,
    "extends": _ONE_FILE,
    "container_name": _SET_APART,
    "deploy": f"{_SET_APART}; {_LIMITS}",
    "scale": _SET_APART,
    "profiles": "every service of the file is started",
    "attach": _NO_TERMINAL,
    "stdin_open": _NO_TERMINAL,
    "tty": _NO_TERMINAL,
    "restart": _NO_RESTART,
    "logging": "logs are kept as evidence, by ClinOps",
    "platform": "the digest of the image says it",
    "pull_policy": "images are obtained by digest, once",
    "pull_refresh_after": "images are obtained by digest, once",
    "post_start": _IN_IMAGE,
    "pre_stop": _IN_IMAGE,
    "provider": _IN_IMAGE,
    "models": _IN_IMAGE,
    "annotations": "write `labels`",
    "mem_reservation": _LIMITS,
    "mem_swappiness": _LIMITS,
    "memswap_limit": _LIMITS,
    "blkio_config": _LIMITS,
    "cpu_count": _LIMITS,
    "cpu_percent": _LIMITS,
    "cpu_period": _LIMITS,
    "cpu_quota": _LIMITS,
    "cpu_rt_period": _LIMITS,
    "cpu_rt_runtime": _LIMITS,
    "cpu_shares": _LIMITS,
    "cpuset": _LIMITS,
    "storage_opt": _LIMITS,
    "ulimits": _LIMITS,
}
"""Keys of a service."""

REFUSED_IN_HEALTHCHECKS = {
    "disable": "without a check nobody knows when the service is ready",
    "start_interval": "ClinOps polls every 50 ms as it is",
}
"""Keys of a health check."""

_LOCAL_VOLUME = "a volume is a plain local one"
REFUSED_IN_VOLUMES = {
    "external": "a replica may never have a volume that others have",
    "name": _SET_APART,
    "driver": _LOCAL_VOLUME,
    "driver_opts": f"{_LOCAL_VOLUME}; options could mount folders of the host",
    "labels": _SET_APART,
}
"""Keys of a volume's declaration."""

REFUSED_AT_THE_TOP = {
    "version": "Compose itself gave it up",
    "networks": f"{_OWN_NETWORK}; an external one would be that way",
    "configs": f"{_NO_HOST_FILES}; {_IN_IMAGE}",
    "secrets": f"{_NO_HOST_FILES}; replicas hold synthetic data only",
    "include": _ONE_FILE,
    "models": _IN_IMAGE,
}
"""Keys of the whole file."""


def refuse_mount(mount: Any) -> Any:
    """Refuse, by name, whatever is not a named volume."""
    source = mount.split(":")[0] if isinstance(mount, str) else ""
    named = "a named volume, as name:/path"
    if isinstance(mount, dict):
        raise refuse(Fault("is the long form, which is not read", f"write {named}"))
    if isinstance(mount, str) and "docker.sock" in mount:
        what = "is the engine's socket: a replica may never have it, that is root on the host"
        raise refuse(Fault(what, "leave it out"))
    if source.startswith(("/", ".", "~", "\\")):
        what = "mounts a folder of the host: a replica may never have one"
        raise refuse(Fault(what, f"copy it into an image, or write {named}"))
    if "$" in source:
        raise refuse(Fault("has a variable: what a replica is must stand in this file", named))
    return mount


def refuse_capability(capability: Any) -> Any:
    """Refuse, by name, a capability beyond the harmless ones."""
    harmless = get_args(HarmlessCapability)
    if isinstance(capability, str) and capability not in harmless:
        what = "is a capability that a replica may never have"
        raise refuse(Fault(what, f"harmless are: {', '.join(harmless)}"))
    return capability


def refuse_weaker(only: str) -> Callable[[Any], Any]:
    """Make the check that a list of confinements is exactly the one that every replica has."""

    def check(options: Any) -> Any:
        if isinstance(options, list) and options != [only]:
            raise refuse(Fault("would weaken the confinement", f"write [{only}] or leave it out"))
        return options

    return check
