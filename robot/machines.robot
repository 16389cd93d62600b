*** Settings ***
Documentation     Faults of the machines themselves: each takes effect and is healed, both seen from outside.
...               What a lab's machines cannot have is skipped with the reason.

Resource          ../resources/cluster.resource

Suite Setup       Bring The Lab Up
Suite Teardown    Leave The Lab
Test Teardown     Heal Every Fault
Test Timeout      3 minutes
Test Template     Fault Should Come And Go

Test Tags         machines    orchestration    destructive


*** Test Cases ***    FAULT    TARGET
Kernel Panic    kernel panic    worker-1
Reset    reset    worker-1
Clock Jump    clock jumped    worker-1
Clock Drift    clock drifting    worker-1
Late Packets    delayed    worker-1
Interface Down    interface down    worker-1
Slow Disk    disk slow    worker-1
Failed Disk    disk failed    worker-1
Disk Read-Only    disk read-only    worker-1
Temp Dir Read-Only    read-only temp dir    worker-1
