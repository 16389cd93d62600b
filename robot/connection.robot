*** Settings ***
Documentation     Layer B: SSH to the nodes. What works, and which error each problem gives, with its fix.

Resource          ../resources/cluster.resource
Resource          ../resources/ssh.resource

Suite Setup       Bring The Lab Up
Suite Teardown    Leave The Lab With A Timeline
Test Timeout      2 minutes

Test Tags         connection    quick


*** Variables ***
${EMPTY FILE}    ${OUTPUT DIR}/no_known_hosts
${WRONG KEY}     ${OUTPUT DIR}/wrong_key


*** Test Cases ***
Each Problem Has Its Own Error
    [Documentation]    One row per problem: what is wrong, and where.
    [Tags]    smoke
    [Setup]    Make Key    ${WRONG KEY}
    [Template]    Connecting Should Fail
    # PROBLEM    HOST    WHAT IS WRONG
    unknown host    no-such-node
    refused    head    port=2222
    wrong key    head    key=${WRONG KEY}
    wrong key    head    user=nobody
    wrong key    worker-1    key=${OUTPUT DIR}/no_such_key
    unknown host key    worker-1    known_hosts=${EMPTY FILE}

Changed Host Key Is Refused
    ${swapped}=    Known Hosts With The Keys Swapped    worker-1    worker-2
    Connecting Should Fail    changed host key    worker-1    known_hosts=${swapped}

Node Without A Cable Does Not Answer
    [Tags]    destructive
    Given Unplug    worker-2
    Then Connecting Should Fail    no answer    worker-2
    [Teardown]    Plug In    worker-2

Another Client Reaches A Node Without A Cable By The Control Link
    [Documentation]    The node itself is well: that it does not answer the managers is the cable's doing.
    [Tags]    destructive
    Given Unplug    worker-2
    And Connecting Should Fail    no answer    worker-2
    When Log In To Node    worker-2
    ${name}=    Execute Command    hostname
    Then Should Be Equal    ${name}    worker-2
    [Teardown]    Plug In And Log Out    worker-2

Another Client Knows The Nodes As Well
    [Documentation]    SSHLibrary has the lab's known hosts: it refuses a node that shows another key.
    [Tags]    destructive
    Given Inject Fault    host key changed    worker-1
    Then Run Keyword And Expect Error    *BadHostKeyException*    Log In To Node    worker-1
    And Connecting Should Fail    changed host key    worker-1
    [Teardown]    Heal Every Fault

First Contact Is Kept Where It Is Allowed
    New Host Key Should Be Accepted And Kept    worker-1    ${OUTPUT DIR}/accepted_known_hosts

Commands Give Their Status And Output
    [Documentation]    What a shell could break arrives as it was written.
    [Template]    Remote Command Should Give
    # NODE    COMMAND    STATUS    OUTPUT
    head    hostname    0    head
    worker-1    exit 3    3
    worker-1    echo "two \ words" '$HOME; rm -rf /nothing'    0    two \ words $HOME; rm -rf /nothing
    worker-2    cat < /dev/null    0
    worker-2    false || echo recovered    0    recovered
    head    kill -9 $$    -1

Another Client Gets The Same Answers
    [Template]    Both Clients Should Say The Same
    # NODE    COMMAND
    head    hostname
    worker-1    id -un; echo to nobody >&2; exit 3
    worker-1    cat /proc/sys/kernel/random/boot_id
    worker-2    printf '%s' '两 words $HOME \ "'
    worker-2    ss -Hltn | wc -l

Remote Command Answers Yes Or No
    [Template]    Execute Remote Command Should Be
    # NODE    COMMAND    ANSWER
    head    true    yes
    head    false    no
    no-such-node    true    no

A Command Ends At Its Deadline
    Slow Command Should Be Ended    worker-1    2

Output Arrives Whole
    [Documentation]    More than any buffer holds, on both outputs at once.
    Output Should Arrive Whole    worker-1    4

Many Commands Run At Once
    Commands Should Run At Once    24    8    @{NODES}

Connections Survive A Power Cycle
    [Tags]    destructive
    Connection Should Survive A Power Cycle    worker-2


*** Keywords ***
Plug In And Log Out
    [Documentation]    For the teardown: the cable is in again, and no session is left.
    [Arguments]    ${node}
    Plug In    ${node}
    Log Out Of Every Node
