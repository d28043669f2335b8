#!/usr/bin/env bash
# A real S3 server for tests: Ceph's radosgw with one monitor and one storage daemon in memory, on loopback, as any user.
#
#   radosgw.sh FOLDER MONITOR_PORT S3_PORT [BYTES]
#
# Writes "ready" when it answers, then obeys lines from standard input, each answered by one line:
#   kill              SIGKILL to the gateway; "killed"
#   start             starts it again; "ready"
#   quota BYTES       what each bucket of the user "small" may hold; "set"
# It ends, with all it started, when standard input ends: also when whoever started it is killed.
# Users: hestia (hestia-key, hestia-secret) and small (small-key, small-secret). FOLDER must be empty and stays.
set -u
folder=$1 monitor=$2 port=$3 bytes=${4:-1073741824}
export CEPH_CONF=$folder/ceph.conf
pids=()
end() {
    trap - EXIT
    [ ${#pids[@]} -gt 0 ] && kill -KILL "${pids[@]}" 2>/dev/null
    [ -n "${gateway:-}" ] && kill -KILL "$gateway" 2>/dev/null
    exit "${1:-0}"
}
trap end EXIT
trap 'end 1' TERM INT HUP
fail() {
    echo "failed: $1"
    tail -n 3 "$folder/log" 2>/dev/null
    end 1
}
run() { timeout 30 "$@" >>"$folder/log" 2>&1 </dev/null || fail "$1"; }

cluster=$(cat /proc/sys/kernel/random/uuid)
cat >"$CEPH_CONF" <<CONFIG
[global]
fsid = $cluster
mon host = [v2:127.0.0.1:$monitor]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = $bytes
mon allow pool size one = true
paxos propose interval = 0.05
mon data = $folder/mon
osd data = $folder/osd
rgw data = $folder/rgw
run dir = $folder
crash dir = $folder/crash
keyring = $folder/keyring
log to stderr = false
log file =
mon cluster log file = /dev/null
admin socket =
pid file =
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw bucket quota ttl = 0
rgw lc debug interval = -1
CONFIG
mkdir -p "$folder/osd" "$folder/rgw" "$folder/crash"
key() { run ceph-authtool "$folder/keyring" "${@:2}" --gen-key -n "$1"; }
key mon. --create-keyring --cap mon 'allow *'
key client.admin --cap mon 'allow *' --cap osd 'allow *'
key osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
key client.rgw --cap mon 'allow rw' --cap osd 'allow rwx'
run monmaptool --create --fsid "$cluster" --addv a "[v2:127.0.0.1:$monitor]" "$folder/monmap"
run ceph-mon --mkfs -i a --monmap "$folder/monmap" --keyring "$folder/keyring"
ceph-mon -f -i a >>"$folder/log" 2>&1 </dev/null &
pids+=($!)
disk=$(cat /proc/sys/kernel/random/uuid)
run ceph osd new "$disk"
run ceph-osd -i 0 --mkfs --osd-uuid "$disk"
ceph-osd -f -i 0 >>"$folder/log" 2>&1 </dev/null &
pids+=($!)
for user in hestia small; do
    run radosgw-admin -n client.rgw user create --uid "$user" --display-name "$user" --access-key "$user-key" --secret-key "$user-secret"
done

start() {
    radosgw -n client.rgw -f >>"$folder/log" 2>&1 </dev/null &
    gateway=$!
    for _ in $(seq 300); do
        kill -0 "$gateway" 2>/dev/null || fail radosgw
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
        sleep 0.05
    done
    fail 'radosgw did not answer'
}

start
echo ready
while read -r command value; do
    case $command in
        kill)
            kill -KILL "$gateway" 2>/dev/null
            wait "$gateway" 2>/dev/null
            gateway=
            echo killed
            ;;
        start)
            start
            echo ready
            ;;
        quota)
            run radosgw-admin -n client.rgw quota set --quota-scope=bucket --uid=small --max-size="$value"
            run radosgw-admin -n client.rgw quota enable --quota-scope=bucket --uid=small
            echo set
            ;;
        *) echo "unknown: $command" ;;
    esac
done
