*** Settings ***
Documentation     A project and what it needs reaches every node; a node that fails keeps what it had.
...               The nodes have no internet: wheels are fetched once, by the controller.

Resource          ../resources/cluster.resource

Suite Setup       Bring The Lab Up For Deployments
Suite Teardown    Leave The Lab With A Timeline
Test Teardown     End The Story And Remove Every Release
Test Timeout      5 minutes

Test Tags         deployment    orchestration


*** Test Cases ***
The Real SAGE Package Works On Every Node
    Given The Project Is The Wheel Of    isage
    When Deploy The Project
    Then The Operation Should Succeed
    And Module Should Be Importable    sage    @{NODES}
    And The Cluster Is Restarted
    And The Operation Should Succeed
    ${answers}=    Run Job    sage_on_every_node.py
    Job Should Answer On Nodes    ${answers}    [1, 4, 9, 16, 25]    @{NODES}

A Second Deployment Sends Nothing
    Given The Greeting Is Deployed    Hello
    When Deploy The Project
    Then The Operation Should Succeed
    And Deployment Should Have Sent

A Changed File Is Sent And Nothing Else
    Given The Greeting Is Deployed    Hello
    When The Greeting Is Changed    Goodbye
    And Plan The Deployment
    And Deployment Should Have Sent    site/greeting/words.py    site/greeting-1.0.dist-info/RECORD
    And Every Node Should Greet    Hello
    And Deploy The Project
    Then The Operation Should Succeed
    And Deployment Should Have Sent    site/greeting/words.py    site/greeting-1.0.dist-info/RECORD
    And Every Node Should Greet    Goodbye

Rollback Brings The Release Before
    Given The Greeting Is Deployed    Hello
    And The Greeting Is Changed    Goodbye
    And Deploy The Project
    And Every Node Should Greet    Goodbye
    When Roll The Deployment Back
    Then The Operation Should Succeed
    And Every Node Should Greet    Hello

A Transfer That Was Cut Goes On Where It Ended
    [Tags]    destructive
    Given The Greeting Is Deployed    Hello
    And Put Random Files Into The Project    120
    When Begin Operation    deploy    worker-1
    And Operation Should Say    worker-1: sending 121 files
    And Unplug    worker-1
    And Operation Should End
    Then The Operation Should Fail    worker-1    files had been sent
    And Plug In    worker-1
    And Command Should Say    greet    Hello, world!    worker-1
    And Deploy The Project    worker-1
    And The Operation Should Succeed
    And Deployment Should Have Sent Fewer Files    worker-1    than=121
    [Teardown]    Plug In And End The Story    worker-1

A Damaged Archive Is Refused
    Given The Greeting Is Deployed    Hello
    And The Project Is A Damaged Wheel Of    isage
    When Deploy The Project
    Then The Operation Should Fail    damaged    isage
    And Every Node Should Greet    Hello

One Node On Which It Does Not Work Keeps Its Release
    Given The Greeting Is Deployed    Hello
    And Everyone Needs A Licence And Worker Has None    worker-2
    ${before}=    The Release Of    worker-2
    When Deploy The Project
    Then The Operation Should Fail Only On    worker-2
    And The Operation Should Fail    worker-2    import greeting    licence
    And Release Of Node Should Be    worker-2    ${before}
    And Command Should Say    greet    Hello, world!    worker-2
    And Command Should Say    greet    Goodbye, world!    head    worker-1
    [Teardown]    Remove The Licence And End The Story

One Full Disk Holds Up No Other Node
    [Tags]    destructive
    Given The Greeting Is Deployed    Hello
    And The Greeting Is Changed    Goodbye
    ${before}=    The Release Of    worker-1
    When Inject Fault    disk full    worker-1
    And Deploy The Project
    Then The Operation Should Fail Only On    worker-1
    And The Operation Should Fail    worker-1    full
    And Release Of Node Should Be    worker-1    ${before}
    And Command Should Say    greet    Goodbye, world!    head    worker-2

Of Two Deployments At Once One Is Refused
    Given The Greeting Is Deployed    Hello
    And Put Random Files Into The Project    30
    When Begin Operation    deploy
    And Operation Should Say    worker-1: sending
    Then Deploying Again Should Be Refused
    And Operation Should End
    And The Operation Should Succeed

A New Worker Gets The Project Before It Joins
    Given The Greeting Is Deployed    Hello
    And The Cluster Is Running
    When Scale The Cluster    add    new-worker
    Then The Operation Should Succeed
    And Command Should Say    greet    Hello, world!    new-worker
    [Teardown]    Remove Worker And Every Release    new-worker


*** Keywords ***
Bring The Lab Up For Deployments
    [Documentation]    The wheels are there, and nothing is repaired behind a test's back.
    Bring The Lab Up Without A Supervisor
    Fetch Wheels    isage>=0.3.2,<0.4    flit_core>=3.9,<4
    Keep The Configuration

End The Story And Remove Every Release
    [Documentation]    Whatever happened: nothing of a deployment is left on any node, and no operation runs on.
    End The Story
    Remove Every Release

The Greeting Is Deployed
    [Documentation]    Whatever was deployed before: every node greets with this word now.
    [Arguments]    ${word}
    The Project Is A Copy Of    greeting
    The Greeting Is Changed    ${word}
    Deploy The Project
    The Operation Should Succeed
    Every Node Should Greet    ${word}

The Greeting Is Changed
    [Documentation]    One file of the project is another one.
    [Arguments]    ${word}
    Write Into The Project    src/greeting/words.py    GREETING = "${word}"

Every Node Should Greet
    [Documentation]    The project's command on every node greets with this word.
    [Arguments]    ${word}
    Command Should Say    greet    ${word}, world!    @{NODES}

Everyone Needs A Licence And Worker Has None
    [Documentation]    The project reads a file when it is imported, and one node lacks it.
    [Arguments]    ${worker}
    FOR    ${node}    IN    @{NODES}
        Run On Node    ${node}    touch /etc/licence
    END
    Run On Node    ${worker}    rm /etc/licence
    Write Into The Project    src/greeting/words.py    open("/etc/licence").close()\nGREETING = "Goodbye"

Deploying Again Should Be Refused
    [Documentation]    A second deployment, while one is under way, says so.
    Run Keyword And Expect Error    *busy*deploy*    Deploy The Project

Remove Worker And Every Release
    [Documentation]    For a story that added a worker.
    [Arguments]    ${worker}
    End The Story And Remove Worker    ${worker}
    Remove Every Release

Remove The Licence And End The Story
    [Documentation]    For the story that needs one.
    FOR    ${node}    IN    @{NODES}
        Run On Node    ${node}    rm -f /etc/licence
    END
    End The Story And Remove Every Release

Plug In And End The Story
    [Documentation]    For a story that may leave a worker unplugged.
    [Arguments]    ${worker}
    Plug In    ${worker}
    End The Story And Remove Every Release
