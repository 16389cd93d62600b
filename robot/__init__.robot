*** Settings ***
Documentation     Acceptance of a Ray cluster and its managers on the nodes of a lab.
...               All suites below share one lab.

Resource          ../resources/cluster.resource

Suite Setup       Bring The Lab Up
Suite Teardown    Leave The Lab
