*** Settings ***
Documentation     Workers join and leave a running cluster: one, several, busy ones, dead ones, and those that cannot.
...               On a lab of ten workers (make scaling) all ten go up, restart one after another, and go down.

Resource          ../resources/cluster.resource

Suite Setup       Bring The Lab Up For Scaling
Suite Teardown    Leave The Lab With A Timeline
Test Setup        Only Two Workers Run
Test Teardown     End The Story
Test Timeout      4 minutes

Test Tags         scaling    orchestration


*** Variables ***
${SPARE}          new-worker
@{TEN WORKERS}
...               worker-1
...               worker-2
...               worker-3
...               worker-4
...               worker-5
...               worker-6
...               worker-7
...               worker-8
...               worker-9
...               worker-10


*** Test Cases ***
One Joins And Leaves While A Job Runs
    Given Job Begins    rounds_until_told.py
    When Scale The Cluster    add    ${SPARE}
    Then The Operation Should Succeed
    And The Configured Workers Should Be    @{WORKERS}    ${SPARE}
    And Ray Itself Should Know Nodes    @{NODES}    ${SPARE}
    When Scale The Cluster    remove    ${SPARE}
    Then The Operation Should Succeed
    And The Configured Workers Should Be    @{WORKERS}
    And Node Should Be Clean    ${SPARE}
    And The Job's Answer Should Be Right

A Busy Worker Ends Its Work Before It Leaves
    Given Scale The Cluster    add    ${SPARE}
    And Job Begins    work_on_node.py    ${SPARE}    4
    When Scale The Cluster    remove    ${SPARE}
    Then The Operation Should Succeed
    And Worker Should Have Been Drained    ${SPARE}
    And Node Should Be Clean    ${SPARE}
    And Job Should Answer    ${SPARE}

Three Join At Once
    Given Scale The Cluster    remove    @{WORKERS}
    And The Operation Should Succeed
    And The Configured Workers Should Be
    When Scale The Cluster    add    @{WORKERS}    ${SPARE}
    Then The Operation Should Succeed
    And The Configured Workers Should Be    @{WORKERS}    ${SPARE}
    And Ray Itself Should Know Nodes    @{NODES}    ${SPARE}

One That Cannot Join Holds Up No Other
    [Tags]    destructive
    Given Inject Fault    unplugged    worker-2
    When Scale The Cluster    add    worker-1    worker-2    no-such-node
    Then The Operation Should Fail    worker-2    no-such-node
    And The Configured Workers Should Be    @{WORKERS}
    And Node Should Be    worker-1    running

A Worker Whose Ray Died Is Removed
    [Tags]    destructive
    When Simulate Failure    worker-2
    And Scale The Cluster    remove    worker-2
    Then The Operation Should Succeed
    And The Configured Workers Should Be    worker-1
    And Node Should Be Clean    worker-2

A Worker Without Power Is Removed When Ray Has Given It Up
    [Documentation]    Before that its raylet may be alive beyond a cut: whoever removed it now could not stop it.
    [Tags]    destructive    slow
    Given Inject Fault    power cut    worker-2
    And Scale The Cluster    remove    worker-2
    And The Operation Should Fail    worker-2    does not answer
    And The Configured Workers Should Be    @{WORKERS}
    When Node Should Be    worker-2    unreachable    within=2 minutes
    And Scale The Cluster    remove    worker-2
    Then The Operation Should Succeed
    And The Configured Workers Should Be    worker-1
    And The Active Workers Should Be    worker-1

One That Is There Already Stays As It Is
    ${before}=    The Raylet Of    worker-1
    When Scale The Cluster    add    worker-1
    Then The Operation Should Succeed
    And Nothing Should Have Been Started
    And Raylet Should Be The One Before    worker-1    ${before}
    And The Configured Workers Should Be    @{WORKERS}

One That Is Not There Cannot Leave
    [Documentation]    The error names those that could.
    [Template]    Removing Should Be Refused
    # WORKER    WORDS OF THE ERROR
    ${SPARE}    neither in the configuration nor in the cluster    worker-1, worker-2
    no-such-node    no-such-node    does not resolve

One That Cannot Join Stays Out
    [Documentation]    What is wrong with the new worker, and what the error says. Nothing else changes.
    [Tags]    destructive
    [Template]    Adding Should Be Refused
    # FAULT    WORDS OF THE ERROR
    unplugged    does not answer
    sshd down    refused
    host key changed    host key
    key refused    key

Another Ray Is Refused Before Anything Starts
    [Documentation]    The node and both versions are named; the head's are not touched.
    [Tags]    destructive
    [Template]    Adding By Conda Should Be Refused
    # FAULT    WORDS OF THE ERROR
    wrong ray version    Ray 2.0.0    the head has Ray    nothing was started
    ray missing    bin/ray

Scaling Waits For Nobody Unless It Is Told To
    Given Begin Operation    scale    add    ${SPARE}
    And Operation Should Say    ${SPARE}: starting
    Then Run Keyword And Expect Error    *busy*add worker ${SPARE}*    Scale The Cluster    remove    worker-2
    When Begin Operation    --wait\=60    scale    remove    ${SPARE}
    And Operation Should End
    Then The Operation Should Succeed
    And The Active Workers Should Be    @{WORKERS}
    And Node Should Be Clean    ${SPARE}

Two Workers Restart One After Another Under The Supervisor's Eyes
    Given The Cluster Is Supervised
    And Job Begins    rounds_until_told.py
    When Begin Operation    restart    --rolling
    Then Operation Should Say    worker-1: draining
    And At Most One Should Be Away    @{WORKERS}    within=2 minutes
    And Operation Should End
    And The Operation Should Succeed
    And The Job's Answer Should Be Right
    And Nothing Should Have Been Repaired
    [Teardown]    End The Supervised Story

Ten Workers Come Up Together
    [Tags]    ten-workers    slow
    [Setup]    Only These Run    worker-1
    When Scale The Cluster    add    @{TEN WORKERS}[1:]
    Then The Operation Should Succeed
    And The Configured Workers Should Be    @{TEN WORKERS}
    And Ray Itself Should Know Nodes    head    @{TEN WORKERS}
    And A Task Should Run On Nodes    head    @{TEN WORKERS}

Ten Workers Restart One After Another And The Job Is Unharmed
    [Tags]    ten-workers    slow
    [Timeout]    10 minutes
    [Setup]    Only These Run    @{TEN WORKERS}
    Given Job Begins    rounds_until_told.py
    ${before}=    The Session
    When Begin Operation    restart    --rolling
    Then Operation Should Say    draining
    And At Most One Should Be Away    @{TEN WORKERS}    within=8 minutes
    And Operation Should End
    And The Operation Should Succeed
    And Ray Itself Should Know Nodes    head    @{TEN WORKERS}
    And The Job's Answer Should Be Right
    ${after}=    The Session
    Should Be Equal    ${after}    ${before}

Nine Of Ten Workers Leave At Once And The Last One Does The Work
    [Tags]    ten-workers    slow
    [Setup]    Only These Run    @{TEN WORKERS}
    Given Job Begins    rounds_until_told.py
    When Scale The Cluster    remove    @{TEN WORKERS}[1:]
    Then The Operation Should Succeed
    And The Configured Workers Should Be    worker-1
    And Ray Itself Should Know Nodes    head    worker-1
    And Node Should Be Clean    @{TEN WORKERS}[1:]
    And The Job's Answer Should Be Right


*** Keywords ***
Bring The Lab Up For Scaling
    [Documentation]    Two of the lab's workers are in the cluster, however many there are. Nobody repairs anything.
    Bring The Lab Up Without A Supervisor
    Only These Are Configured    @{WORKERS}
    Keep The Configuration

Only Two Workers Run
    [Documentation]    Whatever happened before: the head and two workers run, and no other node does.
    Only These Run    @{WORKERS}

Only These Run
    [Documentation]    Whatever happened before: the head and these workers run, and no other node of the lab does.
    [Arguments]    @{workers}
    ${count}=    Get Length    ${workers}
    The Lab Has Workers    ${count}
    Only These Keep Running    @{workers}
    The Cluster Is Running

The Cluster Is Supervised
    [Documentation]    From now on the supervisor repairs what fails, and repairs count.
    Configure    recovery.enabled    true
    The Cluster Is Running
    Everything Should Run
    Note The Moment

End The Supervised Story
    [Documentation]    For the story that needs a supervisor.
    End The Supervisor
    End The Story

The Job's Answer Should Be Right
    [Documentation]    The job that goes on until it is told may end; all its rounds were right.
    Run On Node    head    touch /tmp/job.enough    user=sage
    Job Should Answer    right

Adding Should Be Refused
    [Documentation]    Something is wrong with the spare: it does not join, and nothing else changes.
    [Arguments]    ${fault}    @{words}
    Inject Fault    ${fault}    ${SPARE}
    Scale The Cluster    add    ${SPARE}
    The Operation Should Fail    ${SPARE}    @{words}
    The Configured Workers Should Be    @{WORKERS}
    Node Should Run Ray Processes    ${SPARE}
    [Teardown]    Heal Every Fault

Adding By Conda Should Be Refused
    [Documentation]    As above, on a cluster whose workers have their Ray in a conda environment.
    [Arguments]    ${fault}    @{words}
    Workers Use Conda Environment    sage
    Adding Should Be Refused    ${fault}    @{words}

Removing Should Be Refused
    [Documentation]    A worker cannot be removed, and nothing else changes.
    [Arguments]    ${worker}    @{words}
    Scale The Cluster    remove    ${worker}
    The Operation Should Fail    ${worker}    @{words}
    The Configured Workers Should Be    @{WORKERS}
