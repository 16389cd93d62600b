*** Settings ***
Documentation     Stories of recovery: what a team wants to know before it trusts a cluster with its work.
...               Every story begins with a cluster in which everything runs, unless its setup says otherwise.

Resource          ../resources/cluster.resource

Suite Setup       Bring The Lab Up With A Running Cluster
Suite Teardown    Leave The Lab With A Timeline
Test Setup        Everything Runs
Test Teardown     End The Story
Test Timeout      4 minutes

Test Tags         recovery    orchestration    destructive


*** Test Cases ***
A Failed Worker Is Back Without Help
    When Simulate Failure    worker-1
    Then Node Should Be Supervised As    worker-1    recovering    within=5 s
    And Worker Should Be Back Without Help    worker-1    within=30 s

A Job Gives The Right Answer Though A Worker Dies
    [Documentation]    Tasks with retries are spread over all workers; one of them loses its raylet half-way.
    Given Job Begins    sum_with_retries.py
    When Inject Fault    raylet killed    one worker
    Then Job Should Answer    333283335000

A Job Gives The Right Answer Though Two Of Three Workers Die At Once
    Given Scale The Cluster    add    new-worker
    And The Operation Should Succeed
    And Job Begins    sum_with_retries.py
    When Inject Fault    raylet killed    two workers
    Then Job Should Answer    333283335000
    And Everything Should Run
    [Teardown]    End The Story And Remove Worker    new-worker

The Cluster Forms Anew When Its Head Dies
    ${before}=    The Session
    When Inject Fault    gcs killed    the head
    Then Everything Should Run    within=90 s
    And Session Should Have Changed From    ${before}

Workers Outlive A Crash Of The Head Where It Is Asked For
    [Documentation]    Ray keeps its tables on the head's disk (alpha in Ray), and the workers wait for the new head.
    Given Configure    recovery.keep_workers    true
    And Restart The Cluster
    And Everything Should Run
    ${before}=    The Raylet Of    worker-1
    When Inject Fault    gcs killed    the head
    Then Everything Should Run    within=90 s
    And Raylet Should Be The One Before    worker-1    ${before}

A Cut Shorter Than Ray's Patience Restarts Nothing
    ${before}=    The Raylet Of    worker-1
    Given Inject Fault    isolated    worker-1
    And Node Should Be Supervised As    worker-1    lost    within=6 s
    When Heal Every Fault
    Then Everything Should Run    within=30 s
    And Nothing Should Have Been Repaired
    And Raylet Should Be The One Before    worker-1    ${before}

A Cut Longer Than Ray's Patience Ends In A Restart
    [Documentation]    Ray calls the worker DEAD after about a minute; its raylet ends when it hears of that.
    [Tags]    slow
    ${before}=    The Raylet Of    worker-1
    Given Inject Fault    isolated    worker-1
    And Node Should Be    worker-1    cut off    within=10 s
    And Node Should Be    worker-1    unreachable    within=90 s
    And Raylet Should Be The One Before    worker-1    ${before}
    When Heal Every Fault
    Then Everything Should Run    within=1 minute
    And Raylet Should Have Changed From    worker-1    ${before}
    And Repairs Should Have Been At Most    1

A Flapping Worker Is Left To Its Work
    ${before}=    The Raylet Of    worker-2
    When Link Flaps    worker-2    times=4    down=3 s    up=1 s
    Then Everything Should Run    within=30 s
    And Nothing Should Have Been Repaired
    And Raylet Should Be The One Before    worker-2    ${before}

A Crash Loop Ends In Quarantine And A Person Lifts It
    Given Repairs Are Given Up After    2
    When Inject Fault    raylet crash loop    worker-2
    Then Node Should Be Supervised As    worker-2    quarantined    within=1 minute
    And Repairs Should Have Been At Most    2
    And All Other Workers Should Be Active    worker-2
    When Heal Every Fault
    And Restore The Configuration
    And Start Workers    worker-2
    Then The Operation Should Succeed
    And Everything Should Run    within=30 s

A Lost Login Is Reported And Nothing Is Restarted
    [Documentation]    The SSH server of a worker is gone, Ray on it is well.
    ${before}=    The Raylet Of    worker-1
    When Inject Fault    sshd down    worker-1
    Then Supervisor Should Report    worker-1    sshd does not listen    within=20 s
    And Node Should Be Supervised As    worker-1    suspect    within=1 s
    When Heal Every Fault
    Then Everything Should Run    within=30 s
    And Nothing Should Have Been Repaired
    And Raylet Should Be The One Before    worker-1    ${before}

The Cluster Outlives Its Supervisor
    [Documentation]    A worker that died meanwhile is brought back by the next start, one that dies later by itself.
    ${before}=    The Supervisor
    When Kill The Supervisor
    Then A Task Should Run On Nodes    @{NODES}
    When Inject Fault    raylet killed    worker-2
    And The Cluster Is Running
    Then Everything Should Run
    And Supervisor Should Have Changed From    ${before}
    When Simulate Failure    worker-1
    Then Worker Should Be Back Without Help    worker-1    within=30 s

What A Person Stopped Stays Stopped
    Given Stop Workers    worker-1
    And The Operation Should Succeed
    Then Node Should Stay    worker-1    stopped    3 s

A Worker Joins And Leaves By A Person's Word Alone
    [Documentation]    Written into the file it is not started, removed it is not resurrected.
    Given Write Into The Configuration    new-worker
    Then Node Should Stay    new-worker    stopped    3 s
    When Scale The Cluster    add    new-worker
    Then The Operation Should Succeed
    And Everything Should Run
    When Scale The Cluster    remove    new-worker
    Then The Operation Should Succeed
    And Node Should Stay Without Ray    new-worker    3 s
    And Everything Should Run

A Node That Dies While It Is Added Can Be Added Again
    Given Begin Operation    scale    add    new-worker
    And Operation Should Say    new-worker: starting
    When Inject Fault    power cut    new-worker
    Then Operation Should End    within=1 minute
    And The Operation Should Fail Only On    new-worker
    And Everything Should Run
    When Heal Every Fault
    And Scale The Cluster    add    new-worker
    Then The Operation Should Succeed
    [Teardown]    End The Story And Remove Worker    new-worker

A Worker Unplugged During The Stop Is Named
    Given Stopping Takes Long On    worker-2
    And Begin Operation    stop
    And Operation Should Say    worker-2: stopping
    When Inject Fault    unplugged    worker-2
    Then Operation Should End    within=1 minute
    And The Operation Should Fail Only On    worker-2
    And Node Should Be Clean    head    worker-1
    When Heal Every Fault
    And The Cluster Is Stopped
    Then Every Node Should Be Clean

A Worker Without Power During The Start Is Named
    [Setup]    The Cluster Is Stopped
    Given Begin Operation    start
    And Operation Should Say    worker-2: starting
    When Inject Fault    power cut    worker-2
    Then Operation Should End    within=1 minute
    And The Operation Should Fail Only On    worker-2
    And All Other Workers Should Be Active    worker-2
    When Heal Every Fault
    Then Everything Should Run    within=1 minute

A New Controller Carries On With A Stop
    Given Begin Operation    stop
    And Operation Should Say    worker-1: stopping
    When Kill The Operation
    And Stop The Cluster
    Then The Operation Should Succeed
    And Every Node Should Be Clean

A New Controller Carries On With A Start
    [Setup]    The Cluster Is Stopped
    Given Begin Operation    start
    And Wait Until Ray Is Being Started On    worker-1
    When Kill The Operation
    And Start The Cluster
    Then The Operation Should Succeed
    And Everything Should Run
    And Every Node Should Run
