*** Settings ***
Documentation    Layer A: the configuration file. What loads, what is refused and with which words, and that an
...              update changes nothing but what it should. Needs no machine.

Library          SageLibrary

Test Timeout     1 minute

Test Tags        config    configuration    quick


*** Test Cases ***
Every Form Of The Worker List Loads
    [Tags]    smoke
    [Template]    Workers Should Load As
    # FILE    WORKERS
    workers_ssh_hosts: "a:22,b:2222"    a:22, b:2222
    workers_ssh_hosts: "a, b"    a:22, b:22
    workers_ssh_hosts: "[::1]:2222,b"    ::1:2222, b:22
    workers_ssh_hosts: ""    ${EMPTY}
    workers_ssh_hosts: [{host: a, port: 22}, {host: b}]    a:22, b:22
    ssh: {workers: [{host: a, port: 2222}]}    a:2222
    ssh: {workers: [{host: wins}]}\nworkers_ssh_hosts: "loses:22"    wins:22
    head: {host: head}    ${EMPTY}

Bad Files Are Refused With A Reason
    [Template]    File Should Be Refused
    # FILE    WORDS OF THE ERROR
    head: {head_port: 70000}    head.head_port    70000    1 to 65535
    head: {head_port: 0}    head.head_port    0    1 to 65535
    head: {temp_dir: /}    head.temp_dir    /
    head: {temp_dir: relative/path}    head.temp_dir    relative/path
    workers_ssh_hosts: "a:22,a:22"    a:22
    workers_ssh_hosts: "a:99999"    workers_ssh_hosts    99999
    workers_ssh_hosts: "; rm -rf x:22"    workers_ssh_hosts
    workers_ssh_hosts: 5    workers_ssh_hosts    5
    head: {host: a}\nhead: {host: b}    head
    head: !!python/object:os.system {}    python
    - a list    top level
    head: [unclosed    line
    ssh: {host_keys: maybe}    ssh.host_keys    maybe    strict
    head: {dashboard: !!bool maybe}    maybe    !!bool
    head: {temp_dir: /tmp/雷雷雷雷雷雷雷雷雷雷雷雷雷雷}    head.temp_dir    47    bytes
    head: {dashboard_port: 6379}    head.dashboard_port    6379    head.head_port
    worker: {ray_args: ["--block"]}    worker.ray_args    --block
    workers_ssh_hosts: [{host: a, name: x}, {host: b, name: x}]    two    named x

A Worker Is Added In The Form That The File Uses
    [Documentation]    Comments, order and unknown keys stay where they are.
    [Template]    Adding A Worker Should Give
    # BEFORE    WORKER    AFTER
    workers_ssh_hosts: "a:22" # mine\n    b:2222    workers_ssh_hosts: "a:22,b:2222" # mine\n
    custom: 1\nworkers_ssh_hosts:\n- host: a\n \ port: 22 # first\n    b:22
    ...    custom: 1\nworkers_ssh_hosts:\n- host: a\n \ port: 22 # first\n- host: b\n \ port: 22\n
    ssh:\n \ workers:\n \ - host: a\n \ \ \ port: 22\n    b:2222
    ...    ssh:\n \ workers:\n \ - host: a\n \ \ \ port: 22\n \ - host: b\n \ \ \ port: 2222\n

A Worker Is Removed And Nothing Else
    [Template]    Removing A Worker Should Give
    # BEFORE    WORKER    AFTER
    workers_ssh_hosts: "a:22,b:2222" # mine\n    b:2222    workers_ssh_hosts: "a:22" # mine\n

A Worker Keeps Its Name When Another One Of Its Host Leaves
    [Template]    Removing A Worker Should Give
    # BEFORE    WORKER    AFTER
    workers_ssh_hosts: [{host: a}, {host: a, port: 23}]\n    a:22
    ...    workers_ssh_hosts: [{host: a, port: 23, name: 'a:23'}]\n

Wrong Settings Leave The File As It Was
    [Template]    Setting Should Be Refused
    # KEY    VALUE    WORDS OF THE ERROR
    head.head_port    70000    1 to 65535
    head.head_port    many    1 to 65535
    head.temp_dir    /usr
    ssh.retries    -1

Writers At Once Lose Nothing
    Writers At Once Should Lose Nothing    8
