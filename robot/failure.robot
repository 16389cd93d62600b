*** Settings ***
Documentation     Break it on purpose: one table per family of faults. A row says what breaks, where, for how long, and
...               within what time it is to be noticed and to be over. Add a row to ask for more.
...
...               A row's keyword says what the cluster is to do: repair it, wait until it is over, report it and leave
...               it alone, or take no harm. Targets: the head, one worker, two workers, all workers, every node, or
...               a node's name. 'sage-lab faults list' shows all faults.

Resource          ../resources/cluster.resource

Suite Setup       Bring The Lab Up With A Running Cluster
Suite Teardown    Leave The Lab With A Timeline
Test Teardown     Heal Every Fault
Test Timeout      5 minutes

Test Tags         failure    orchestration    destructive


*** Test Cases ***
A Plain Start For Comparison
    [Documentation]    How long Ray itself needs to start on a node: the measure for the repairs of this run.
    Given Stop Workers    worker-1
    And The Operation Should Succeed
    When Ray Is Started By Hand    worker-1
    Then Node Should Be    worker-1    running    within=15 s
    And Start Workers    worker-1
    And Nothing Should Have Been Started

Processes
    [Documentation]    A dead process is noticed as an event; a hung one by its state.
    [Template]    Fault Should Be Repaired
    # FAULT    TARGET    LASTING    NOTICED    REPAIRED
    raylet killed    one worker    0 s    noticed=1 s    repaired=45 s
    raylet terminated    all workers    0 s    noticed=2 s    repaired=60 s
    raylet stopped    worker-1    5 s    noticed=3 s    repaired=45 s
    dashboard killed    the head    0 s    noticed=1 s    repaired=45 s

Nodes
    [Documentation]    What ran on them is gone: it is started again when they are back.
    [Template]    Fault Should Be Repaired
    # FAULT    TARGET    LASTING    NOTICED    REPAIRED
    power cut    one worker    4 s    noticed=5 s    repaired=60 s
    reboot    two workers    0 s    noticed=5 s    repaired=60 s
    power cut    the head    4 s    noticed=5 s    repaired=90 s

Nodes That Come Back By Themselves
    [Documentation]    Ray itself is patient for about a minute: nothing is to be restarted.
    [Template]    Fault Should Be Waited Out
    # FAULT    TARGET    LASTING    NOTICED
    frozen    all workers    3 s    noticed=5 s
    frozen    the head    3 s    noticed=5 s

Partitions
    [Documentation]    A cut shorter than Ray's patience: the nodes behind it are waited for.
    [Template]    Fault Should Be Waited Out
    # FAULT    TARGET    LASTING    NOTICED
    isolated    all workers    3 s    noticed=5 s
    isolated    the head    3 s    noticed=5 s
    one way in    worker-1    3 s    noticed=5 s
    one way out    worker-2    3 s    noticed=5 s
    halves    one worker    3 s    noticed=5 s
    rejecting    one worker    3 s    noticed=5 s

Partitions That Ray Does Not Feel
    [Documentation]    The GCS cannot be reached for a moment, the nodes answer on all other ports.
    [Template]    Fault Should Do No Harm
    # FAULT    TARGET    LASTING
    port cut    every node    4 s

Unplugged Links
    [Template]    Fault Should Be Waited Out
    # FAULT    TARGET    LASTING    NOTICED
    unplugged    every node    3 s    noticed=5 s

Bad Links
    [Documentation]    Slow and lossy, but not cut: no alarm. Delay needs a kernel with sch_netem, else it is skipped.
    [Template]    Fault Should Do No Harm
    # FAULT    TARGET    LASTING
    lossy    all workers    3 s
    limited bandwidth    all workers    3 s
    delayed    all workers    3 s

SSH
    [Documentation]    The supervisor keeps its connections: what only keeps newcomers out does no harm.
    [Template]    Fault Should Do No Harm
    # FAULT    TARGET    LASTING
    key refused    all workers    2 s
    host key changed    all workers    2 s
    banner silent    one worker    2 s
    connections reset    worker-1    2 s
    slow login    one worker    2 s
    too many sessions    all workers    2 s

Lost Logins
    [Documentation]    Reported, not repaired: Ray on the node is well.
    [Template]    Fault Should Be Reported
    # FAULT    TARGET    LASTING    REASON    NOTICED
    sshd down    one worker    0 s    sshd does not listen    noticed=8 s

Disks
    [Template]    Fault Should Do No Harm
    # FAULT    TARGET    LASTING
    disk full    one worker    2 s
    read-only temp dir    worker-1    2 s
    unwritable temp dir    all workers    2 s

Resources
    [Documentation]    A busy node is no dead node.
    [Template]    Fault Should Do No Harm
    # FAULT    TARGET    LASTING
    cpu hog    every node    4 s
    memory hog    one worker    1 s
    process table exhausted    worker-1    2 s
    file descriptors exhausted    all workers    3 s

Clocks
    [Documentation]    Nodes that share this machine's clock cannot have it wrong: skipped in the container lab.
    [Template]    Fault Should Do No Harm
    # FAULT    TARGET    LASTING
    clock jumped    one worker    3 s

Environments
    [Documentation]    What runs goes on: these strike at the next start only.
    [Template]    Fault Should Do No Harm
    # FAULT    TARGET    LASTING
    conda missing    every node    1 s
    ray missing    all workers    1 s
    wrong ray version    all workers    1 s
    stale session directory    all workers    1 s
    port taken    all workers    1 s

Faults That Outlast Ray's Patience
    [Documentation]    Ray calls a node DEAD after about a minute without a word; when it is back, it is started again.
    [Tags]    slow
    [Timeout]    12 minutes
    [Template]    Fault Should Be Repaired
    # FAULT    TARGET    LASTING    NOTICED    REPAIRED
    isolated    worker-1    80 s    noticed=5 s    repaired=60 s
    frozen    worker-1    80 s    noticed=5 s    repaired=60 s
    power cut    worker-2    80 s    noticed=5 s    repaired=60 s

No False Alarm At Full Load
    [Documentation]    Every core of the machine is busy for ten minutes, and the supervisor believes every node.
    [Tags]    slow
    [Timeout]    15 minutes
    [Template]    Fault Should Do No Harm
    # FAULT    TARGET    LASTING
    cpu hog    every node    10 minutes
