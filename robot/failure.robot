*** Settings ***
Documentation     Break it on purpose: one table per family of faults. A row says what breaks, where, for how long, and
...               within what time it is to be noticed and to be over. Add a row to ask for more.

Resource          ../resources/cluster.resource

Suite Setup       Bring The Lab Up With A Running Cluster
Suite Teardown    Leave The Lab With A Timeline
Test Teardown     Heal Every Fault
Test Timeout      10 minutes

Test Tags         failure    destructive


*** Test Cases ***
Processes
    [Documentation]    A dead process is noticed as an event; a hung one by its state.
    [Template]    Fault Should Be Repaired
    # FAULT    TARGET    LASTING    NOTICED    REPAIRED
    raylet killed    one worker    0 s    noticed=1 s    repaired=45 s
    raylet killed    all workers    0 s    noticed=1 s    repaired=60 s
    raylet terminated    worker-1    0 s    noticed=1 s    repaired=45 s
    gcs killed    the head    0 s    noticed=1 s    repaired=90 s
    dashboard killed    the head    0 s    noticed=1 s    repaired=45 s

Nodes
    [Template]    Fault Should Be Repaired
    # FAULT    TARGET    LASTING    NOTICED    REPAIRED
    power cut    one worker    6 s    noticed=5 s    repaired=60 s

Nodes That Come Back By Themselves
    [Documentation]    Ray itself is patient for about a minute: nothing is to be restarted.
    [Template]    Fault Should Be Waited Out
    # FAULT    TARGET    LASTING    NOTICED
    frozen    one worker    8 s    noticed=5 s
    unplugged    worker-1    8 s    noticed=5 s
    isolated    one worker    8 s    noticed=5 s
    one way in    worker-1    8 s    noticed=5 s
    one way out    worker-1    8 s    noticed=5 s

Faults That Do No Harm
    [Documentation]    No false alarm, no repair.
    [Template]    Fault Should Do No Harm
    # FAULT    TARGET    LASTING
    cpu hog    all workers    15 s
    conda missing    one worker    3 s
