*** Settings ***
Documentation     Many workers, a hundred operations at random, eight callers at once, a quarter of an hour of faults.
...               LAB_WORKERS: how many workers the lab has; 0 means as many as the memory has room for.
...               SEED: a number repeats what a run did. OPERATIONS, ROUNDS and SOAK say how much.

Resource          ../resources/stress.resource

Suite Setup       Bring A Large Lab Up    ${LAB_WORKERS}
Suite Teardown    Leave The Lab
Test Timeout      60 minutes

Test Tags         stress    orchestration    slow    destructive


*** Variables ***
${SEED}           ${EMPTY}
${LAB_WORKERS}    0
${OPERATIONS}     100
${ROUNDS}         4
${SOAK}           15m


*** Test Cases ***
As Many Workers As Memory Has Room For
    ${workers}=    The Configured Workers
    When Start The Cluster
    Then The Operation Should Succeed
    And Every Node Should Be    running
    And A Task Should Run On Nodes    head    @{workers}
    When Stop The Cluster
    Then The Operation Should Succeed
    And Node Should Be Clean    head    @{workers}

Operations At Random
    [Setup]    The Cluster Has Ten Workers And Is Stopped
    Operations At Random Should Agree With The Model    ${OPERATIONS}    ${SEED}

Eight Callers At Once
    [Setup]    The Cluster Has Ten Workers And Runs
    Callers At Once Should Agree With The Model    8    ${ROUNDS}    ${SEED}

Nothing Grows In A Soak
    [Setup]    The Cluster Has Ten Workers And Is Supervised
    Nothing Should Grow In A Soak    ${SOAK}    ${SEED}
