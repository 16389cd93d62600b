*** Settings ***
Documentation     Stories of recovery: what a team wants to know before it trusts a cluster with its work.

Resource          ../resources/cluster.resource

Suite Setup       Bring The Lab Up With A Running Cluster
Suite Teardown    Leave The Lab With A Timeline
Test Setup        Everything Should Run
Test Teardown     Heal Every Fault
Test Timeout      5 minutes

Test Tags         recovery    destructive


*** Test Cases ***
A Failed Worker Is Back Without Help
    When Simulate Failure    worker-1
    Then Worker Should Be Back Without Help    worker-1    within=30 s

A Job Gives The Right Answer Though A Worker Dies
    [Documentation]    Tasks with retries are spread over all workers; one of them loses its raylet half-way.
    Given Job Begins    sum_with_retries.py
    When Inject Fault    raylet killed    one worker
    Then Job Should Answer    333283335000

What A Person Stopped Stays Stopped
    Given Stop Workers    worker-1
    And The Operation Should Succeed
    Then Node Should Stay    worker-1    stopped    5 s
    [Teardown]    The Cluster Is Running

The Cluster Forms Anew When Its Head Dies
    ${before}=    The Session
    When Inject Fault    gcs killed    the head
    Then Everything Should Run    within=90 s
    And Session Should Have Changed From    ${before}
