#!/usr/bin/env bash
# A Slurm cluster of one node on this machine, with daemons, ports and files of its own: nothing of an installed cluster
# is touched. It has two partitions; jobs of `high` preempt those of `low`, which are queued again.
#
#   apt-get install slurmctld slurmd slurm-client munge      # once, as root
#   bash tests/engines/start_slurm.sh start FOLDER           # then: export SLURM_CONF=FOLDER/slurm.conf
#   bash tests/engines/start_slurm.sh stop FOLDER
#   bash tests/engines/start_slurm.sh restart FOLDER DAEMON  # slurmctld or slurmd, after it was killed
#
# CPUS=4 is the number of CPUs that the node claims to have. Needs root, as slurmd does.
set -euo pipefail
action=${1:?start, stop or restart}
folder=$(realpath -m "${2:?the folder of the cluster}")
conf=$folder/slurm.conf
PATH=$PATH:/usr/sbin
export SLURM_CONF=$conf

configure() {
  local host cpus=${CPUS:-4} port=$((20000 + RANDOM % 20000))
  host=$(hostname -s)
  mkdir -p "$folder"/{state,spool,log}
  chmod 755 "$folder"
  ( umask 077; dd if=/dev/urandom of="$folder/munge.key" bs=128 count=1 status=none )
  cat > "$conf" <<EOF
ClusterName=ganzoo
SlurmctldHost=$host
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=100000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=20
MinJobAge=300
ReturnToService=2
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
NodeName=$host CPUs=$cpus State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes=ALL Default=NO MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
EOF
}

start() {
  configure
  munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/log/munged.log" --seed-file="$folder/munge.seed"
  slurmctld -f "$conf" -c
  slurmd -f "$conf"
  for _ in $(seq 60); do
    if sinfo -h -o %T 2>/dev/null | grep -q idle; then return; fi
    sleep 1
  done
  echo "the node did not become idle within a minute; see $folder/log" >&2
  tail -n 5 "$folder"/log/*.log >&2
  exit 1
}

stop() {
  scancel --user="$(id -un)" 2>/dev/null || true
  for daemon in slurmd slurmctld munged; do
    local file=$folder/$daemon.pid
    if [[ -s $file ]]; then kill "$(cat "$file")" 2>/dev/null || true; fi
  done
}

case $action in
  start) start ;;
  stop) stop ;;
  restart)
    "${3:?slurmctld or slurmd}" -f "$conf"
    sleep 2
    # a controller that was killed may drain a node whose jobs it has forgotten, until an administrator looks
    scontrol update NodeName="$(hostname -s)" State=RESUME 2>/dev/null || true
    ;;
  *) echo "start, stop or restart" >&2; exit 2 ;;
esac
