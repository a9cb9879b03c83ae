#!/usr/bin/env bash
# A Slurm cluster of one node on this machine, with daemons, ports and files of its own: nothing of an installed cluster
# is touched. It has two partitions; jobs of `high` preempt those of `low`, which are queued again.
#
#   apt-get install slurmctld slurmd slurm-client munge      # once, as root
#   bash tests/engines/start_slurm.sh start FOLDER           # then: export SLURM_CONF=FOLDER/slurm.conf
#   bash tests/engines/start_slurm.sh stop FOLDER
#   bash tests/engines/start_slurm.sh restart FOLDER DAEMON  # slurmctld or slurmd, after it was killed
#   bash tests/engines/start_slurm.sh resume FOLDER          # give a node that Slurm has drained back to it
#
# CPUS=4 is the number of CPUs that the node claims to have. ACCOUNTING=1 also starts slurmdbd with a database of its own
# (apt-get install slurmdbd mariadb-server), so that sacct answers. Needs root, as slurmd does.
set -euo pipefail
action=${1:?start, stop, restart or resume}
folder=$(realpath -m "${2:?the folder of the cluster}")
conf=$folder/slurm.conf
PATH=$PATH:/usr/sbin
export SLURM_CONF=$conf

configure() {
  local host cpus=${CPUS:-4} port=$((20000 + RANDOM % 20000)) accounting=AccountingStorageType=accounting_storage/none
  host=$(hostname -s)
  mkdir -p "$folder"/{state,spool,log}
  chmod 755 "$folder"
  ( umask 077; dd if=/dev/urandom of="$folder/munge.key" bs=128 count=1 status=none )
  if [[ ${ACCOUNTING:-0} == 1 ]]; then
    accounting=$(printf 'AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=localhost\n')
    accounting+=$(printf '\nAccountingStoragePort=%s\nAccountingStoragePass=%s' $((port + 2)) "$folder/munge.socket")
    configure_accounting "$((port + 2))" "$((port + 3))"
  fi
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
$accounting
SlurmdParameters=config_overrides
NodeName=$host CPUs=$cpus State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes=ALL Default=NO MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
EOF
}

configure_accounting() {
  mkdir -p "$folder/database"
  ( umask 077; cat > "$folder/slurmdbd.conf" <<EOF
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
DbdHost=localhost
DbdPort=$1
SlurmUser=root
PidFile=$folder/slurmdbd.pid
LogFile=$folder/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$2
StorageUser=slurm
StoragePass=slurm
EOF
  )
}

start_accounting() {
  local port
  port=$(sed -n 's/^StoragePort=//p' "$folder/slurmdbd.conf")
  local socket=$folder/database.socket
  mariadb-install-db --no-defaults --user=root --datadir="$folder/database" --auth-root-authentication-method=normal \
    > "$folder/log/mariadb.log" 2>&1
  mariadbd --no-defaults --user=root --datadir="$folder/database" --socket="$socket" --port="$port" \
    --bind-address=127.0.0.1 --pid-file="$folder/mariadbd.pid" >> "$folder/log/mariadb.log" 2>&1 &
  for _ in $(seq 60); do
    if mariadb --no-defaults --socket="$socket" -e "create user slurm@'127.0.0.1' identified by 'slurm';
      create user slurm@localhost identified by 'slurm'; grant all on *.* to slurm@'127.0.0.1';
      grant all on *.* to slurm@localhost" 2>/dev/null; then break; fi
    sleep 1
  done
  SLURM_CONF=$conf slurmdbd -D >> "$folder/log/slurmdbd.log" 2>&1 &  # it reads slurmdbd.conf beside slurm.conf
  for _ in $(seq 60); do
    if sacctmgr --immediate add cluster ganzoo >/dev/null 2>&1; then return; fi
    sleep 1
  done
  echo "slurmdbd does not answer within a minute; see $folder/log" >&2
  exit 1
}

start() {
  configure
  munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/log/munged.log" --seed-file="$folder/munge.seed"
  if [[ -e $folder/slurmdbd.conf ]]; then start_accounting; fi
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
  for daemon in slurmd slurmctld slurmdbd munged mariadbd; do
    local file=$folder/$daemon.pid
    if [[ -s $file ]]; then kill "$(cat "$file")" 2>/dev/null || true; fi
  done
}

case $action in
  start) start ;;
  stop) stop ;;
  restart)
    "${3:?slurmctld or slurmd}" -f "$conf"
    ;;
  resume)
    # a controller that was killed drains a node that runs jobs which it has forgotten, until an administrator looks
    if sinfo -h -o %T 2>/dev/null | grep -q drain; then
      scontrol update NodeName="$(hostname -s)" State=RESUME && echo resumed
    fi
    ;;
  *) echo "start, stop, restart or resume" >&2; exit 2 ;;
esac
