*** Settings ***
Documentation     A cluster of one head and two workers starts, is inspected, stops, restarts and is cleaned up.
...               Every test brings about the state that it needs, so each runs alone as well.

Resource          ../resources/cluster.resource

Suite Setup       Bring The Lab Up Without A Supervisor
Suite Teardown    Leave The Lab With A Timeline
Test Timeout      3 minutes

Test Tags         lifecycle    service


*** Test Cases ***
Cluster Starts From Nothing
    [Tags]    smoke
    Given The Cluster Is Stopped
    When The Cluster Is Started
    Then The Operation Should Succeed
    And The Active Workers Should Be    @{WORKERS}

Starting Twice Changes Nothing
    Given The Cluster Is Running
    ${before}=    The Session
    When The Cluster Is Started
    Then The Operation Should Succeed
    And Nothing Should Have Been Started
    ${after}=    The Session
    Should Be Equal    ${after}    ${before}

Status Tells The Truth
    [Documentation]    The managers' status, Ray's own answer and every node's process table agree.
    [Tags]    smoke
    Given The Cluster Is Running
    Then Every Node Should Run

Each Trouble Has A State Of Its Own
    [Documentation]    What is wrong with one node, and what the status says of that node or of another one.
    [Tags]    destructive
    [Timeout]    8 minutes
    [Template]    Fault Should Show As
    # FAULT    TARGET    NODE    STATE
    raylet stopped    worker-1    worker-1    hung
    raylet killed    worker-1    worker-1    incomplete
    unplugged    worker-2    worker-2    cut off
    frozen    worker-2    worker-2    cut off
    gcs stopped    the head    head    hung
    gcs stopped    the head    worker-1    unregistered
    gcs killed    the head    head    incomplete
    power cut    the head    head    unreachable

A Task Runs On Every Node
    Given The Cluster Is Running
    Then A Task Should Run On Nodes    @{NODES}

Dashboard Answers
    Given The Cluster Is Running
    Then The Dashboard Should Answer

Conda Environment Is Activated Where Configured
    Given The Cluster Is Running
    And Workers Use Conda Environment    sage
    When Restart Workers    worker-2
    Then The Operation Should Succeed
    And Node Should Be    worker-2    running
    And Raylet Should Have In Its Environment    worker-2    CONDA_DEFAULT_ENV    sage
    [Teardown]    Restore The Configuration

One Unreachable Worker Holds Up No Other
    [Tags]    destructive
    Given The Cluster Is Running
    And Workers Are Stopped And Worker Is Unplugged    worker-2
    When The Cluster Is Started
    Then The Operation Should Fail Only On    worker-2
    And All Other Workers Should Be Active    worker-2
    And Node Should Be    worker-2    unreachable
    [Teardown]    Plug In    worker-2

Restart Changes The Session And Keeps The Members
    Given The Cluster Is Running
    ${before}=    The Session
    When The Cluster Is Restarted
    Then The Operation Should Succeed
    And The Active Workers Should Be    @{WORKERS}
    And Session Should Have Changed From    ${before}

The Head Starts And Stops Alone
    Given The Cluster Is Stopped
    When Start The Head
    Then The Operation Should Succeed
    And Node Should Be    head    running
    And The Active Workers Should Be
    When Stop The Head
    Then The Operation Should Succeed
    And Every Node Should Be Clean

Cluster Starts After An Unclean Death
    [Tags]    destructive
    Given The Cluster Is Running
    And Everything Is Killed
    And Every Node Should Be    stopped
    When The Cluster Is Started
    Then The Operation Should Succeed
    And The Active Workers Should Be    @{WORKERS}

Stop Leaves Nothing Behind
    [Tags]    smoke
    Given The Cluster Is Running
    When Stop The Cluster
    Then The Operation Should Succeed
    And Every Node Should Be Clean

Stopping Twice Is No Error
    Given The Cluster Is Stopped
    When The Cluster Is Stopped Again
    Then The Operation Should Succeed
    And Every Node Should Be Clean

A Taken Head Port Is Named
    [Tags]    destructive
    Given The Cluster Is Stopped
    ${program}=    Port Is Taken By Another Program    head    6379
    When The Cluster Is Started
    Then The Operation Should Fail    port 6379    head.head_port    process ${program}
    And Node Should Be    head    stopped
    [Teardown]    Free The Port    head    ${program}
