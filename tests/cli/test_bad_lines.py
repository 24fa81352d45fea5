"""Command lines that are wrong, command by command: what is said whole, what to type next, and nothing changed."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.cli.shell import Shell
from tests.operations.pictures import unchanged

FILES = {
    "model.onnx": "weights",
    "numbers.json": '{"auc": "high"}',
    "big.json": '{"auc": 1e999}',
    "list.json": "[1]",
    "no.json": "{",
    "report.xml": "<testsuite",
    "statement.json": '{"_type": "https://in-toto.io/Statement/v1"}',
}
"""What lies beside the repository."""

TYPED: dict[str, str] = {
    "register": """\
$ gitstage register
! error: missing argument 'MODEL@VERSION|MODEL@next'
!   try: gitstage register fraud-detector@1.1.0 --artifact model.onnx --metric auc=0.953
[2]
$ gitstage register fraud-detector
! error: fraud-detector names no version
!   try: gitstage register fraud-detector@next --artifact FILE
[2]
$ gitstage register fraud-detector@2.0.0
! error: a version has at least one artifact
!   try: --artifact model.onnx
[2]
$ gitstage register fraud-detector@1.2.0 --artifact ../model.onnx
! error: fraud-detector@1.2.0 is registered, and never changes
!   try: gitstage register fraud-detector@next …
[2]
$ gitstage register fraud-detector@2 --artifact ../model.onnx
! error: '2' is not a semantic version such as 1.2.0
!   try: gitstage register fraud-detector@next …
[2]
$ gitstage register fraud-detector@v2.0.0 --artifact ../model.onnx
! error: 'v2.0.0' is not a semantic version such as 1.2.0
!   try: gitstage register fraud-detector@next …
[2]
$ gitstage register fraud-detector@02.0.0 --artifact ../model.onnx
! error: '02.0.0' is not a semantic version such as 1.2.0
!   try: gitstage register fraud-detector@next …
[2]
$ gitstage register fraud-detector@production --artifact ../model.onnx
! error: 'production' is not a semantic version such as 1.2.0
!   try: gitstage register fraud-detector@next …
[2]
$ gitstage register fraud-detector@production~1 --artifact ../model.onnx
! error: fraud-detector@production~1: ~1 counts back what took effect in a stage, and cannot stand here
!   try: gitstage resolve fraud-detector@STAGE~1
[2]
$ gitstage register fraud-detector@latest --artifact ../model.onnx
! error: 'latest' is not a semantic version such as 1.2.0
!   try: gitstage register fraud-detector@next …
[2]
$ gitstage register fraud-detector@2.0.0+build --artifact ../model.onnx
! error: '2.0.0+build' has build metadata, which takes no part in the order of versions
!   try: gitstage register fraud-detector@next …
[2]
$ gitstage register fraud-detector@2.0.0 extra --artifact ../model.onnx
! error: got unexpected extra argument (extra)
!   try: gitstage register fraud-detector@1.1.0 --artifact model.onnx --metric auc=0.953
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../missing.onnx
! error: ../missing.onnx cannot be read: No such file or directory
!   try: --artifact FILE, FILE=URI or URI
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ..
! error: .. cannot be read: Is a directory
!   try: --artifact FILE, FILE=URI or URI
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ''
! error: --artifact '' names no file
!   try: --artifact FILE, FILE=URI or URI
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --artifact ../model.onnx
! error: artifacts: two have the path 'model.onnx', or differ from it only in case
[2]
$ gitstage register fraud-detector@2.0.0 --artifact s3://acme/m.onnx
! error: s3://acme/m.onnx lies elsewhere: its digest and size are needed
!   try: --sha256 HEX --size BYTES, or --artifact FILE=URI to measure them from a local copy
[2]
$ gitstage register fraud-detector@2.0.0 --artifact s3://acme/m.onnx --sha256 abc --size 1
! error: artifacts[0].sha256: must be 64 lower-case hexadecimal digits, not 'abc'
[2]
$ gitstage register fraud-detector@2.0.0 --artifact s3://acme/m.onnx --sha256 0000000000000000000000000000000000000000000000000000000000000000
! error: s3://acme/m.onnx lies elsewhere: its digest and size are needed
!   try: --sha256 HEX --size BYTES, or --artifact FILE=URI to measure them from a local copy
[2]
$ gitstage register fraud-detector@2.0.0 --artifact s3://acme/m.onnx --sha256 0000000000000000000000000000000000000000000000000000000000000000 --size many
! error: invalid value for '--size': 'many' is not a valid integer
!   try: gitstage register fraud-detector@1.1.0 --artifact model.onnx --metric auc=0.953
[2]
$ gitstage register fraud-detector@2.0.0 --artifact s3://acme/m.onnx --sha256 0000000000000000000000000000000000000000000000000000000000000000 --size -1
! error: artifacts[0].size: must be at least 0, not the number -1
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --sha256 0000000000000000000000000000000000000000000000000000000000000000
! error: there are more --sha256 or --size than artifacts that are only a URI
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --size 7
! error: there are more --sha256 or --size than artifacts that are only a URI
[2]
$ gitstage register fraud-detector@2.0.0 --artifact s3://key:secret@acme/m.onnx --sha256 0000000000000000000000000000000000000000000000000000000000000000 --size 1
! error: artifacts[0].uri: has a password in it; nothing in a registry can be taken back
!   try: remove what stands before '@'
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ftp://acme/m.onnx --sha256 0000000000000000000000000000000000000000000000000000000000000000 --size 1
! error: artifacts[0].uri: begins with none of https:, s3:, gs:, az:, oci:, hf:, file: and artifacts/
[2]
$ gitstage register fraud-detector@2.0.0 --artifact http://acme.dev/m.onnx --sha256 0000000000000000000000000000000000000000000000000000000000000000 --size 1
! error: artifacts[0].uri: begins with none of https:, s3:, gs:, az:, oci:, hf:, file: and artifacts/; did you mean 'https'?
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx=nowhere
! error: artifacts[0].uri: begins with none of https:, s3:, gs:, az:, oci:, hf:, file: and artifacts/
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metric auc
! error: --metric takes KEY=VALUE, not 'auc'
!   try: --metric auc=VALUE
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metric =1
! error: --metric takes KEY=VALUE, not '=1'
!   try: --metric KEY=VALUE
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metric auc=high
! error: --metric auc=high: 'high' is no finite number
!   try: --metric auc=0.95
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metric auc=nan
! error: --metric auc=nan: 'nan' is no finite number
!   try: --metric auc=0.95
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metric auc=1e999
! error: --metric auc=1e999: '1e999' is no finite number
!   try: --metric auc=0.95
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metric auc=1 --metric auc=2
! error: --metric says auc twice: '1' and '2'
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metrics ../missing.json
! error: ../missing.json cannot be read: No such file or directory
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metrics ../no.json
! error: ../no.json: line 1: this is not JSON: Expecting property name enclosed in double quotes
!   try: numbers such as {"auc": 0.953}
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metrics ../list.json
! error: ../list.json: the report is no JSON object
!   try: numbers such as {"auc": 0.953}
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metrics ../numbers.json
! error: ../numbers.json is not an object of numbers
!   try: numbers such as {"auc": 0.953}
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --metrics ../big.json
! error: ../big.json: the number 1e999 is too big
!   try: numbers such as {"auc": 0.953}
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --param depth
! error: --param takes KEY=VALUE, not 'depth'
!   try: --param depth=VALUE
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --label =x
! error: --label takes KEY=VALUE, not '=x'
!   try: --label KEY=VALUE
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --data tx
! error: --data takes KEY=VALUE, not 'tx'
!   try: --data tx=VALUE
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --data tx=abc
! error: data[0].sha256: must be 64 lower-case hexadecimal digits, not 'abc'
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --run https://me:secret@mlflow.dev/1
! error: source.run: has a password in it; nothing in a registry can be taken back
!   try: remove what stands before '@'
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --commit abc
! error: source.commit: must be a full commit id, 40 or 64 lower-case hexadecimal digits, not 'abc'
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --to prod
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --to archived
! error: there is no stage 'archived'
!   try: stages: staging, production; into the archive: gitstage archive MODEL@VERSION --reason …
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --sha256
! error: option '--sha256' requires an argument
!   try: gitstage register fraud-detector@1.1.0 --artifact model.onnx --metric auc=0.953
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --artifact ../model.onnx=s3://acme/m.onnx
! error: artifacts: two have the path 'model.onnx', or differ from it only in case
[2]
$ gitstage register fraud-detector@2.0.0 --artifact ../model.onnx --label team=risk --label team=ops
! error: --label says team twice: 'risk' and 'ops'
[2]
$ gitstage register risk@1.0.0 --artifact ../model.onnx --data '=00'
! error: --data takes KEY=VALUE, not '=00'
!   try: --data KEY=VALUE
[2]
""",
    "promote": """\
$ gitstage promote fraud-detector@1.2.0 --to
! error: option '--to' requires an argument
!   try: gitstage promote fraud-detector@1.1.0 --to staging
[2]
$ gitstage promote fraud-detector@1.2.0 --to registered
! error: there is no stage 'registered'
!   try: stages: staging, production
[2]
$ gitstage promote fraud-detector@1.2.0 --to archived
! error: there is no stage 'archived'
!   try: stages: staging, production; into the archive: gitstage archive MODEL@VERSION --reason …
[2]
$ gitstage promote fraud-detector@1.2.0 --to 'two words'
! error: there is no stage 'two words'
!   try: stages: staging, production
[2]
$ gitstage promote fraud-detector@ --to production
! error: 'fraud-detector@' names no version
!   try: fraud-detector@VERSION, fraud-detector@STAGE or fraud-detector@latest
[2]
$ gitstage promote @production --to production
! error: '@production' names no model: a model needs a name
!   try: a reference looks like fraud-detector@1.1.0
[2]
$ gitstage promote fraud-detector@production@staging --to production
! error: fraud-detector has no version production@staging
!   try: registered: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage promote fraud-detector@staging~9 --to production
! error: fraud-detector has had 3 changes in staging
!   try: gitstage log fraud-detector
[2]
$ gitstage promote fraud-detector@staging~x --to production
! error: fraud-detector has no version staging~x
!   try: registered: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage promote fraud-detector@latest~1 --to production
! error: fraud-detector@latest~1: ~1 counts back what took effect in a stage, and cannot stand here
!   try: gitstage resolve fraud-detector@STAGE~1
[2]
$ gitstage promote fraud-detector@next --to production
! error: @next names no version yet
!   try: gitstage register fraud-detector@next --artifact FILE
[2]
$ gitstage promote fraud-detector@archived --to production
! error: fraud-detector has no version archived
!   try: registered: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage promote fraud-detector@1.2.0 fraud-detector@1.1.0 --to production
! error: production of fraud-detector takes one version, not 1.2.0 and 1.1.0
[2]
$ gitstage promote '**' --to nowhere
! error: there is no stage 'nowhere'
!   try: stages: staging, production
[2]
$ gitstage promote fraud-detector@1.2.0 --to production --label team=risk
! error: no such option '--label'. Did you mean '--help'?
!   try: gitstage promote fraud-detector@1.1.0 --to staging
[2]
$ gitstage promote fraud-detector@1.2.0 production staging --to production
! error: there is no model production
!   try: one of fraud-detector
[2]
$ gitstage promote fraud-detector@production~1 --to staging --push extra
! error: there is no model extra
!   try: one of fraud-detector
[2]
""",
    "rollback": """\
$ gitstage rollback
! error: missing option '--reason'
!   try: gitstage rollback fraud-detector@production --reason 'false positives since 14:00' --push
[2]
$ gitstage rollback fraud-detector
! error: missing option '--reason'
!   try: gitstage rollback fraud-detector@production --reason 'false positives since 14:00' --push
[2]
$ gitstage rollback fraud-detector@production
! error: missing option '--reason'
!   try: gitstage rollback fraud-detector@production --reason 'false positives since 14:00' --push
[2]
$ gitstage rollback fraud-detector@1.0.0 --reason x
! error: there is no stage '1.0.0'
!   try: stages: staging, production
[2]
$ gitstage rollback fraud-detector@prod --reason x
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
$ gitstage rollback nobody@production --reason x
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage rollback fraud-detector@production~1 --reason x
! error: fraud-detector@production~1: ~1 counts back what took effect in a stage, and cannot stand here
!   try: gitstage resolve fraud-detector@STAGE~1
[2]
$ gitstage rollback fraud-detector@production --to 1.2.0 --reason x
! error: 1.2.0 has never been in effect in production of fraud-detector
!   try: it has held: 1.1.0, 1.0.0; something new is promoted, not rolled back to
[2]
$ gitstage rollback fraud-detector@production --to 7.0.0 --reason x
! error: 7.0.0 has never been in effect in production of fraud-detector
!   try: it has held: 1.1.0, 1.0.0; something new is promoted, not rolled back to
[2]
$ gitstage rollback fraud-detector@production --to nonsense --reason x
! error: nonsense has never been in effect in production of fraud-detector
!   try: it has held: 1.1.0, 1.0.0; something new is promoted, not rolled back to
[2]
$ gitstage rollback fraud-detector@production --reason ''
! error: a reason has 1 to 10000 characters
!   try: --reason 'false positives since 14:00'
[2]
$ gitstage rollback fraud-detector@production --reason '  '
! error: a reason has 1 to 10000 characters
!   try: --reason 'false positives since 14:00'
[2]
$ gitstage rollback --change nonsense --reason x
! error: there is no tag nonsense
!   try: gitstage log MODEL shows the tags
[2]
$ gitstage rollback --change fraud-detector/production/9 --reason x
! error: there is no tag fraud-detector/production/9
!   try: gitstage log MODEL shows the tags
[2]
$ gitstage rollback --change fraud-detector/v1.0.0 --reason x
! error: fraud-detector/v1.0.0 is no promotion that took effect
!   try: gitstage log MODEL shows them
[2]
$ gitstage rollback --change policy/1 --reason x
! error: policy/1 is no promotion that took effect
!   try: gitstage log MODEL shows them
[2]
$ gitstage rollback --change fraud-detector/production/2 --to 1.0.0 --reason x
! error: --change rolls back everything that a promotion changed, each to what was there before
!   try: gitstage rollback --change fraud-detector/production/2 --reason …, or gitstage rollback MODEL@STAGE --to VERSION …
[2]
$ gitstage rollback --reason x
! error: what is to be rolled back?
!   try: gitstage rollback MODEL@STAGE --reason …
[2]
$ gitstage rollback fraud-detector@staging --to 7.0.0 --reason x
! error: 7.0.0 has never been in effect in staging of fraud-detector
!   try: it has held: 1.2.0, 1.1.0, 1.0.0; something new is promoted, not rolled back to
[2]
$ gitstage rollback fraud-detector@production --change fraud-detector/production/2 --reason x
! error: --change rolls back everything that a promotion changed, each to what was there before
!   try: gitstage rollback --change fraud-detector/production/2 --reason …, or gitstage rollback MODEL@STAGE --to VERSION …
[2]
$ gitstage rollback fraud-detector@staging --to 1.2.0 --reason x
! error: 1.2.0 is what is in effect in staging of fraud-detector
[2]
""",
    "archive": """\
$ gitstage archive
! error: missing argument 'MODEL@STAGE|MODEL@VERSION'
!   try: gitstage archive fraud-detector@production --reason 'replaced by rules'
[2]
$ gitstage archive fraud-detector --reason x
! error: fraud-detector names neither a stage nor a version
!   try: gitstage archive fraud-detector@STAGE …
[2]
$ gitstage archive fraud-detector@production
! error: missing option '--reason'
!   try: gitstage archive fraud-detector@production --reason 'replaced by rules'
[2]
$ gitstage archive fraud-detector@7.0.0 --reason x
! error: fraud-detector has no version 7.0.0
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@7.0.0 --artifact FILE
[2]
$ gitstage archive fraud-detector@prod --reason x
! error: fraud-detector has no version prod
!   try: registered: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage archive nobody@production --reason x
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage archive nobody@1.0.0 --reason x
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage archive fraud-detector@production~1 --reason x
! error: fraud-detector@production~1: ~1 counts back what took effect in a stage, and cannot stand here
!   try: gitstage resolve fraud-detector@STAGE~1
[2]
$ gitstage archive fraud-detector@archived --reason x
! error: fraud-detector has no version archived
!   try: registered: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage archive fraud-detector@latest --reason x
! error: fraud-detector has no version latest
!   try: registered: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage archive fraud-detector@production --reason ''
! error: a reason has 1 to 10000 characters
!   try: --reason 'false positives since 14:00'
[2]
""",
    "withdraw": """\
$ gitstage withdraw
! error: withdraw takes a model, a slot or --policy
!   try: gitstage withdraw MODEL@STAGE
[2]
$ gitstage withdraw nobody
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage withdraw nobody@production
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage withdraw fraud-detector@prod
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
$ gitstage withdraw fraud-detector@1.0.0
! error: there is no stage '1.0.0'
!   try: stages: staging, production
[2]
$ gitstage withdraw fraud-detector --policy
! error: withdraw takes a model, a slot or --policy
!   try: gitstage withdraw MODEL@STAGE
[2]
$ gitstage withdraw fraud-detector@production~1
! error: fraud-detector@production~1: ~1 counts back what took effect in a stage, and cannot stand here
!   try: gitstage resolve fraud-detector@STAGE~1
[2]
""",
    "hold": """\
$ gitstage hold
! error: missing argument 'MODEL@VERSION'
!   try: gitstage hold fraud-detector@1.2.0 --reason 'leaks a feature'
[2]
$ gitstage hold fraud-detector@1.2.0
! error: missing option '--reason'
!   try: gitstage hold fraud-detector@1.2.0 --reason 'leaks a feature'
[2]
$ gitstage hold fraud-detector --reason x
! error: fraud-detector names no version
!   try: gitstage hold fraud-detector@VERSION --reason …
[2]
$ gitstage hold fraud-detector@7.0.0 --reason x
! error: fraud-detector has no version 7.0.0
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@7.0.0 --artifact FILE
[2]
$ gitstage hold nobody@1.0.0 --reason x
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage hold fraud-detector@1.2.0 --reason ''
! error: a reason has 1 to 10000 characters
!   try: --reason 'false positives since 14:00'
[2]
$ gitstage unhold
! error: missing argument 'MODEL@VERSION'
!   try: gitstage unhold fraud-detector@1.2.0 --reason 'the feature was harmless'
[2]
$ gitstage unhold fraud-detector@1.2.0
! error: missing option '--reason'
!   try: gitstage unhold fraud-detector@1.2.0 --reason 'the feature was harmless'
[2]
$ gitstage unhold nobody@1.0.0 --reason x
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage unhold fraud-detector@7.0.0 --reason x
! error: fraud-detector has no version 7.0.0
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@7.0.0 --artifact FILE
[2]
$ gitstage unhold fraud-detector --reason x
! error: fraud-detector names no version
!   try: gitstage unhold fraud-detector@VERSION --reason …
[2]
""",
    "redact": """\
$ gitstage redact
! error: missing argument 'MODEL@VERSION'
!   try: gitstage redact fraud-detector@0.9.0 --reason 'a name in the description'
[2]
$ gitstage redact fraud-detector@1.0.0
! error: missing option '--reason'
!   try: gitstage redact fraud-detector@0.9.0 --reason 'a name in the description'
[2]
$ gitstage redact fraud-detector@7.0.0 --reason x
! error: fraud-detector has no version 7.0.0
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@7.0.0 --artifact FILE
[2]
$ gitstage redact nobody@1.0.0 --reason x
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage redact fraud-detector --reason x
! error: fraud-detector names no version
!   try: gitstage redact fraud-detector@VERSION --reason …
[2]
$ gitstage redact fraud-detector@production --reason x
! error: fraud-detector@1.1.0 is in production
!   try: empty that slot: gitstage archive fraud-detector@production --reason …
[2]
$ gitstage redact fraud-detector@1.0.0 --evidence load-test --reason x
! error: there is no file evidence/fraud-detector/1.0.0/load-test.json
!   try: --evidence NAME/NUMBER, --artifact PATH as the manifest says it
[2]
$ gitstage redact fraud-detector@1.0.0 --evidence load-test/1 --reason x
! error: there is no file evidence/fraud-detector/1.0.0/load-test/1.json
!   try: --evidence NAME/NUMBER, --artifact PATH as the manifest says it
[2]
$ gitstage redact fraud-detector@1.0.0 --evidence load-test/x --reason x
! error: there is no file evidence/fraud-detector/1.0.0/load-test/x.json
!   try: --evidence NAME/NUMBER, --artifact PATH as the manifest says it
[2]
$ gitstage redact fraud-detector@1.0.0 --artifact nothing.bin --reason x
! error: there is no file artifacts/fraud-detector/1.0.0/nothing.bin
!   try: --evidence NAME/NUMBER, --artifact PATH as the manifest says it
[2]
$ gitstage redact fraud-detector@1.0.0 --artifact ../x --reason x
! error: there is no file artifacts/fraud-detector/1.0.0/../x
!   try: --evidence NAME/NUMBER, --artifact PATH as the manifest says it
[2]
$ gitstage redact fraud-detector@1.0.0 --reason ''
! error: a reason has 1 to 10000 characters
!   try: --reason 'false positives since 14:00'
[2]
""",
    "adopt": """\
$ gitstage adopt
! error: missing argument 'MODEL@VERSION'
!   try: gitstage adopt fraud-detector@3.2.0 --stage production
[2]
$ gitstage adopt fraud-detector@1.0.0
! error: missing option '--stage'
!   try: gitstage adopt fraud-detector@3.2.0 --stage production
[2]
$ gitstage adopt fraud-detector@1.0.0 --stage production
! error: production of fraud-detector has held something before: what comes now is promoted
!   try: gitstage promote fraud-detector@1.0.0 --to production
[2]
$ gitstage adopt fraud-detector@1.0.0 --stage prod
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
$ gitstage adopt fraud-detector@7.0.0 --stage production
! error: production of fraud-detector has held something before: what comes now is promoted
!   try: gitstage promote fraud-detector@7.0.0 --to production
[2]
$ gitstage adopt nobody@1.0.0 --stage production
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage adopt fraud-detector --stage production
! error: production of fraud-detector has held something before: what comes now is promoted
!   try: gitstage promote fraud-detector --to production
[2]
$ gitstage adopt fraud-detector@production --stage production
! error: production of fraud-detector has held something before: what comes now is promoted
!   try: gitstage promote fraud-detector@production --to production
[2]
$ gitstage adopt fraud-detector@1.0.0 --stage staging
! error: staging of fraud-detector has held something before: what comes now is promoted
!   try: gitstage promote fraud-detector@1.0.0 --to staging
[2]
""",
    "attest": """\
$ gitstage attest
! error: missing argument 'MODEL@VERSION'
!   try: gitstage attest fraud-detector@1.1.0 --type test-result --name load-test --result passed --metric latency_p99_ms=12.5
[2]
$ gitstage attest fraud-detector@1.2.0
! error: missing option '--name'
!   try: gitstage attest fraud-detector@1.1.0 --type test-result --name load-test --result passed --metric latency_p99_ms=12.5
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test
! error: how did the test come out?
!   try: --result passed|warned|failed, or --file junit.xml
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --result maybe
! error: invalid value for '--result': 'maybe' is not one of 'passed', 'warned', 'failed'
!   try: gitstage attest fraud-detector@1.1.0 --type test-result --name load-test --result passed --metric latency_p99_ms=12.5
[2]
$ gitstage attest fraud-detector@1.2.0 --name 'load test' --result passed
! error: 'load test' is no name of evidence
!   try: letters, digits, '.', '_' and '-'
[2]
$ gitstage attest fraud-detector@1.2.0 --name ../up --result passed
! error: '../up' is no name of evidence
!   try: letters, digits, '.', '_' and '-'
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --result passed --type nonsense
! error: 'nonsense' is no type of evidence
!   try: types: provenance, test-result, verification-summary, or the URI of a predicate type
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --result passed --type provenance
! error: gitstage writes test results; a statement of the type provenance is made by another tool
!   try: --type provenance --file STATEMENT.json
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --result passed --metric latency
! error: --metric takes KEY=VALUE, not 'latency'
!   try: --metric latency=VALUE
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --result passed --metric latency=slow
! error: --metric latency=slow: 'slow' is no finite number
!   try: --metric latency=0.95
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --file ../missing.xml
! error: ../missing.xml cannot be read: No such file or directory
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --file ../report.xml
! error: ../report.xml: line 1: this is not XML: unclosed token
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --file ../no.json
! error: ../no.json: line 1: this is not JSON: Expecting property name enclosed in double quotes
!   try: a JUnit report, or numbers such as {"auc": 0.953}
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --file ../list.json --result passed
! error: ../list.json: the report is no JSON object
!   try: a JUnit report, or numbers such as {"auc": 0.953}
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --file ../numbers.json --result passed
! error: ../numbers.json is not an object of numbers
!   try: a JUnit report, or numbers such as {"auc": 0.953}
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --file ../statement.json
! error: ../statement.json: line 1: the key 'subject' is missing
!        line 1: the key 'predicateType' is missing
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --type provenance --file ../statement.json
! error: ../statement.json: line 1: the key 'subject' is missing
!        line 1: the key 'predicateType' is missing
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --file ..
! error: .. cannot be read: Is a directory
[2]
$ gitstage attest fraud-detector@7.0.0 --name load-test --result passed
! error: fraud-detector has no version 7.0.0
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@7.0.0 --artifact FILE
[2]
$ gitstage attest nobody@1.0.0 --name load-test --result passed
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage attest fraud-detector@1.2.0 --name load-test --result passed --sign /no/key
! error: /no/key is no file with a key
!   try: make one with: ssh-keygen -t ed25519
[2]
""",
    "approve": """\
$ gitstage approve
! error: missing option '--sign'
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
$ gitstage approve fraud-detector@1.2.0 --sign /no/key
! error: missing option '--for': which stage is it approved for?
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
$ gitstage approve fraud-detector@1.2.0 --for production
! error: missing option '--sign'
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
$ gitstage approve fraud-detector@1.2.0 --for prod --sign /no/key
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
$ gitstage approve fraud-detector@1.2.0 --for production --sign /no/key
! error: /no/key is no file with a key
!   try: make one with: ssh-keygen -t ed25519
[2]
$ gitstage approve fraud-detector@1.2.0 --for production --policy --sign /no/key
! error: approve MODEL@VERSION --for STAGE, or --policy, or --settle TAG
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
$ gitstage approve --policy --sign /no/key
! error: nothing of the policy changes here, and nothing is redacted
!   try: git switch to the branch that changes it; --push approves what waits on the trunk
[2]
$ gitstage approve fraud-detector@1.2.0 --for production --expires never --sign /no/key
! error: 'never' is no length of time, date or moment
!   try: --expires 30d, --until 2026-12-01, or --until 2026-12-01T14:00Z
[2]
$ gitstage approve --settle nonsense --sign /no/key
! error: there is no tag nonsense
!   try: gitstage status says what has to be countersigned
[2]
""",
    "waive": """\
$ gitstage waive
! error: missing argument 'MODEL@VERSION'
!   try: gitstage waive fraud-detector@1.1.0 --rule soak --for production --until 2026-12-01 --reason '…' --sign KEY --push
[2]
$ gitstage waive fraud-detector@1.2.0 --rule soak --for production --until 1d --reason x
! error: missing option '--sign'
!   try: gitstage waive fraud-detector@1.1.0 --rule soak --for production --until 2026-12-01 --reason '…' --sign KEY --push
[2]
$ gitstage waive fraud-detector@1.2.0 --rule soak --for production --until never --reason x --sign /no/key
! error: 'never' is no length of time, date or moment
!   try: --expires 30d, --until 2026-12-01, or --until 2026-12-01T14:00Z
[2]
$ gitstage waive fraud-detector@1.2.0 --rule stage-order --for production --until 1d --reason x --sign /no/key
! error: nobody may waive anything in production
!   try: in gitstage.yaml, production: waivers: {by: […]}
[1]
$ gitstage waive fraud-detector@1.2.0 --rule nonsense --for production --until 1d --reason x --sign /no/key
! error: nobody may waive anything in production
!   try: in gitstage.yaml, production: waivers: {by: […]}
[1]
$ gitstage waive fraud-detector@1.2.0 --rule soak --for prod --until 1d --reason x --sign /no/key
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
$ gitstage waive fraud-detector@1.2.0 --rule soak --for production --until 2020-01-01 --reason x --sign /no/key
! error: 2020-01-01 is over: it is 2026-03-01T16:00Z
!   try: --expires 30d, --until 2026-12-01, or --until 2026-12-01T14:00Z
[2]
$ gitstage waive fraud-detector@1.2.0 --rule soak --for production --until 1d --reason '' --sign /no/key
! error: a reason has 1 to 1000 characters
!   try: --reason 'false positives since 14:00'
[2]
""",
    "check": """\
$ gitstage check --base nonsense
! error: there is no revision 'nonsense'
!   try: git branch --all and git tag say what there is, git fetch brings what is new elsewhere
[2]
$ gitstage check --head nonsense
! error: there is no revision 'nonsense'
!   try: git branch --all and git tag say what there is, git fetch brings what is new elsewhere
[2]
$ gitstage check --base HEAD --head HEAD~99
! error: there is no revision 'HEAD~99'
!   try: git branch --all and git tag say what there is, git fetch brings what is new elsewhere
[2]
$ gitstage check --format xml
! error: invalid value for '--format': 'xml' is not one of 'text', 'json', 'github', 'markdown', 'sarif', 'junit'
!   try: gitstage check
[2]
$ gitstage check --output ../no/such/folder/x --format json
! error: ../no/such/folder/x cannot be written: No such file or directory
!   try: --output FILE
[2]
$ gitstage check --approvals ../missing.json
! error: invalid value for '--approvals': File '../missing.json' does not exist
!   try: gitstage check
[2]
$ gitstage check --approvals ../no.json
! error: ../no.json: line 1: this is not JSON: Expecting property name enclosed in double quotes
[2]
$ gitstage check --approvals ../list.json
! error: ../list.json: the file of approvals is no JSON object
[2]
$ gitstage check extra
! error: got unexpected extra argument (extra)
!   try: gitstage check
[2]
""",
    "tag": """\
$ gitstage tag extra
! error: got unexpected extra argument (extra)
!   try: gitstage tag
[2]
$ gitstage tag --rewritten
! error: --rewritten needs a reason
!   try: gitstage tag --rewritten --reason '…'
[2]
$ gitstage tag --reason x
! error: --reason says why to go on after a rewritten trunk
!   try: gitstage tag
[2]
$ gitstage tag --rewritten --reason ''
! error: --rewritten needs a reason
!   try: gitstage tag --rewritten --reason '…'
[2]
$ gitstage tag --approvals ../no.json
! error: ../no.json: line 1: this is not JSON: Expecting property name enclosed in double quotes
[2]
""",
    "audit": """\
$ gitstage audit extra
! error: got unexpected extra argument (extra)
!   try: gitstage audit
[2]
$ gitstage audit --since tomorrow
! error: 'tomorrow' is no moment and no length of time
!   try: --since 90d, --since 2026-03-01
[2]
$ gitstage audit --from ../missing.json
! error: ../missing.json cannot be read: No such file or directory
[2]
$ gitstage audit --from ../no.json
! error: this is no checkpoint of registry <id>: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)
!   try: gitstage audit --checkpoint FILE writes one
[2]
$ gitstage audit --policy ../missing.yaml
! error: ../missing.yaml cannot be read: No such file or directory
[2]
$ gitstage audit --policy ../no.json
! error: ../no.json: line 2: this is not YAML: did not find expected node content
[2]
$ gitstage audit --sign /no/key
! error: --sign signs a checkpoint
!   try: --checkpoint FILE --sign KEY
[2]
$ gitstage audit --remake-ledger
! error: refs/gitstage/<id> is not lost: it is at 000000000000
[2]
$ gitstage audit --since 5
! error: '5' is no moment and no length of time
!   try: --since 90d, --since 2026-03-01
[2]
""",
    "explain": """\
$ gitstage explain
! error: missing argument 'MODEL@VERSION'
!   try: gitstage explain fraud-detector@1.1.0 --to production
[2]
$ gitstage explain fraud-detector@1.2.0
! error: missing option '--to'
!   try: gitstage explain fraud-detector@1.1.0 --to production
[2]
$ gitstage explain fraud-detector@1.2.0 --to prod
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
$ gitstage explain fraud-detector@7.0.0 --to production
! error: fraud-detector has no version 7.0.0
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@7.0.0 --artifact FILE
[2]
$ gitstage explain nobody@1.0.0 --to production
! error: there is no model nobody
!   try: one of fraud-detector
[2]
$ gitstage explain fraud-detector@1.2.0 --to archived
! error: there is no stage 'archived'
!   try: stages: staging, production; into the archive: gitstage archive MODEL@VERSION --reason …
[2]
$ gitstage explain 'two words' --to production
! error: 'two words' names no model: 'two words' is not made of ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit
!   try: a reference looks like fraud-detector@1.1.0
[2]
""",
    "hook": """\
$ gitstage hook nonsense
! error: no such command 'nonsense'
!   try: gitstage hook install
[2]
$ gitstage hook install extra
! error: invalid value for '[HOOK]…': 'extra' is not one of 'pre-commit', 'pre-push', 'pre-receive'
!   try: gitstage hook install
[2]
$ gitstage hook pre-commit extra
! error: got unexpected extra argument (extra)
!   try: gitstage hook pre-commit
[2]
""",
    "policy": """\
$ gitstage policy nonsense
! error: no such command 'nonsense'
!   try: gitstage policy test
[2]
$ gitstage policy test
! error: there is no gitstage.test.yaml in . or in a folder of it
!   try: name a file: gitstage policy test FILE; what it says: docs/how-to/test-a-policy.md
[2]
$ gitstage policy test ../missing.yaml
! error: ../missing.yaml cannot be read: No such file or directory
[2]
$ gitstage policy test ../no.json
! error: ../no.json:2: this is not YAML: did not find expected node content
[2]
""",
    "read": """\
$ gitstage status two words
! error: got unexpected extra argument (words)
!   try: gitstage status
[2]
$ gitstage status fraud-detector@production
! error: there is no model fraud-detector@production
!   try: fraud-detector, if that was meant
[2]
$ gitstage status 'two words'
! error: there is no model two words
!   try: one of fraud-detector
[2]
$ gitstage status --at
! error: option '--at' requires an argument
!   try: gitstage status
[2]
$ gitstage status --at HEAD~99
! error: 'HEAD~99' is no moment, commit or tag
!   try: --at 2026-03-01, --at 2026-03-01T14:00Z, --at COMMIT
[2]
$ gitstage status --at 2026-13-01
! error: '2026-13-01' is no moment, commit or tag
!   try: --at 2026-03-01, --at 2026-03-01T14:00Z, --at COMMIT
[2]
$ gitstage status --at 2026-03-01T25:00Z
! error: '2026-03-01T25:00Z' is no moment, commit or tag
!   try: --at 2026-03-01, --at 2026-03-01T14:00Z, --at COMMIT
[2]
$ gitstage status --at 2026-03-01 --declared
! error: --declared reads a tree: --at takes a commit then, not a moment
[2]
$ gitstage show
! error: missing argument 'REF'
!   try: gitstage show fraud-detector@production
[2]
$ gitstage show fraud-detector
! error: fraud-detector names no version
!   try: gitstage resolve fraud-detector@production
[2]
$ gitstage show fraud-detector@7.0.0
! error: fraud-detector has no version or stage 7.0.0
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage show fraud-detector@production~9
! error: production of fraud-detector has not had so many changes
!   try: gitstage log fraud-detector
[2]
$ gitstage show fraud-detector@prod
! error: fraud-detector has no version or stage prod
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage show nobody@1.0.0
! error: there is no model nobody
!   try: gitstage status lists the models
[2]
$ gitstage show fraud-detector@next
! error: fraud-detector has no version or stage next
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage show fraud-detector@production~1 --declared
! error: ~N counts what took effect; a tree declares only one
!   try: leave --declared out
[2]
$ gitstage show fraud-detector@
! error: 'fraud-detector@' names no version
!   try: fraud-detector@VERSION, fraud-detector@STAGE or fraud-detector@latest
[2]
$ gitstage log
! error: missing argument 'MODEL[@STAGE]'
!   try: gitstage log fraud-detector
[2]
$ gitstage log fraud-detector@1.0.0
! error: there is no stage '1.0.0'
!   try: stages: staging, production
[2]
$ gitstage log fraud-detector --at nonsense
! error: 'nonsense' is no moment, commit or tag
!   try: --at 2026-03-01, --at 2026-03-01T14:00Z, --at COMMIT
[2]
$ gitstage log 'two words'
! error: 'two words' names no model: 'two words' is not made of ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit
!   try: a reference looks like fraud-detector@1.1.0
[2]
$ gitstage log fraud-detector@production~1
! error: fraud-detector@production~1: ~1 counts back what took effect in a stage, and cannot stand here
!   try: gitstage resolve fraud-detector@STAGE~1
[2]
$ gitstage diff
! error: missing argument 'REF'
!   try: gitstage diff fraud-detector@production fraud-detector@staging
[2]
$ gitstage diff fraud-detector@1.0.0
! error: missing argument 'REF'
!   try: gitstage diff fraud-detector@production fraud-detector@staging
[2]
$ gitstage diff fraud-detector@1.0.0 fraud-detector@7.0.0
! error: fraud-detector has no version or stage 7.0.0
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage diff fraud-detector@1.0.0 nobody@1.0.0
! error: there is no model nobody
!   try: gitstage status lists the models
[2]
$ gitstage diff a b c
! error: got unexpected extra argument (c)
!   try: gitstage diff fraud-detector@production fraud-detector@staging
[2]
$ gitstage resolve
! error: missing argument 'MODEL@VERSION|STAGE[~N]|latest'
!   try: gitstage resolve fraud-detector@production
[2]
$ gitstage resolve fraud-detector
! error: fraud-detector names no version
!   try: gitstage resolve fraud-detector@production
[2]
$ gitstage resolve fraud-detector@
! error: 'fraud-detector@' names no version
!   try: fraud-detector@VERSION, fraud-detector@STAGE or fraud-detector@latest
[2]
$ gitstage resolve @1.0.0
! error: '@1.0.0' names no model: a model needs a name
!   try: a reference looks like fraud-detector@1.1.0
[2]
$ gitstage resolve fraud-detector@production --field nonsense
! error: there is no field 'nonsense'
!   try: fields: version, model, stage, tag, commit, moment, blob, path, uri, sha256, size, format, metrics.NAME
[2]
$ gitstage resolve fraud-detector@production --field metrics.nothing
! error: fraud-detector@1.1.0 has no metrics.nothing
[2]
$ gitstage resolve fraud-detector@production --field metrics
! error: there is no field 'metrics'
!   try: fields: version, model, stage, tag, commit, moment, blob, path, uri, sha256, size, format, metrics.NAME
[2]
$ gitstage resolve fraud-detector@production --at 2020-01-01
! error: nothing has taken effect in production of fraud-detector at 2020-01-01
!   try: gitstage status fraud-detector
[2]
$ gitstage resolve fraud-detector@production~-1
! error: fraud-detector has no version or stage production~-1
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage resolve fraud-detector@production~99999999999999999999
! error: fraud-detector has no version or stage production~99999999999999999999
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage resolve fraud-detector@production --declared --at 2026-03-01
! error: --declared reads a tree: --at takes a commit then, not a moment
[2]
$ gitstage resolve fraud-detector@latest --at nonsense
! error: 'nonsense' is no moment, commit or tag
!   try: --at 2026-03-01, --at 2026-03-01T14:00Z, --at COMMIT
[2]
$ gitstage resolve fraud-detector@production fraud-detector@staging
! error: got unexpected extra argument (fraud-detector@staging)
!   try: gitstage resolve fraud-detector@production
[2]
$ gitstage resolve fraud-detector@production --at refs/tags/nothing
! error: 'refs/tags/nothing' is no moment, commit or tag
!   try: --at 2026-03-01, --at 2026-03-01T14:00Z, --at COMMIT
[2]
$ gitstage pull
! error: missing argument 'REF'
!   try: gitstage pull fraud-detector@production --to /srv/models/fraud-detector
[2]
$ gitstage pull fraud-detector@production
! error: missing option '--to'
!   try: gitstage pull fraud-detector@production --to /srv/models/fraud-detector
[2]
$ gitstage pull fraud-detector@7.0.0 --to ../out
! error: fraud-detector has no version or stage 7.0.0
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
$ gitstage pull fraud-detector@production --to ''
! error: . is not empty, and holds something else than fraud-detector@1.1.0
!   try: name a new folder: --to DIR
[2]
$ gitstage pull fraud-detector@production --to ../model.onnx
! error: invalid value for '--to': Directory '../model.onnx' is a file
!   try: gitstage pull fraud-detector@production --to /srv/models/fraud-detector
[2]
$ gitstage pull fraud-detector@production --to .
! error: . is not empty, and holds something else than fraud-detector@1.1.0
!   try: name a new folder: --to DIR
[2]
$ gitstage pull nobody@production --to ../out
! error: there is no model nobody
!   try: gitstage status lists the models
[2]
$ gitstage show fraud-detector@latest~1
! error: fraud-detector@latest~1: ~1 counts back what took effect in a stage, and cannot stand here
!   try: gitstage resolve fraud-detector@STAGE~1
[2]
$ gitstage show fraud-detector@1.0.0~1
! error: fraud-detector@1.0.0~1: ~1 counts back what took effect in a stage, and cannot stand here
!   try: gitstage resolve fraud-detector@STAGE~1
[2]
""",
    "set up": """\
$ gitstage init
! error: there is a registry in the root of this repository already
!   try: gitstage status; a second one: gitstage init FOLDER
[2]
$ gitstage init ../elsewhere
! error: ../elsewhere does not lie in this repository
[2]
$ gitstage init a b
! error: got unexpected extra argument (b)
!   try: gitstage init
[2]
$ gitstage init --ci jenkins
! error: invalid value for '--ci': 'jenkins' is not 'github'
!   try: gitstage init
[2]
$ gitstage fmt
! error: missing argument 'FILE…'
!   try: gitstage fmt models/fraud-detector/1.1.0.yaml
[2]
$ gitstage fmt ../missing.yaml
! error: ../missing.yaml cannot be read: No such file or directory
[2]
$ gitstage fmt ../no.json
! ../no.json:2: this is not YAML: did not find expected node content
[2]
$ gitstage fmt ..
! error: .. cannot be read: Is a directory
[2]
$ gitstage schema
! error: missing argument '{manifest|policy}'. Choose from: manifest, policy
!   try: gitstage schema policy > gitstage.schema.json
[2]
$ gitstage schema nonsense
! error: invalid value for '{manifest|policy}': 'nonsense' is not one of 'manifest', 'policy'
!   try: gitstage schema policy > gitstage.schema.json
[2]
$ gitstage doctor extra
! error: got unexpected extra argument (extra)
!   try: gitstage doctor
[2]
$ gitstage demo .
! error: . is there already, and not an empty folder
!   try: gitstage demo NEW-FOLDER
[2]
$ gitstage demo a b
! error: got unexpected extra argument (b)
!   try: gitstage demo
[2]
""",
    "everywhere": """\
$ gitstage -C
! error: option '-C' requires an argument
!   try: gitstage --help
[2]
$ gitstage -C nowhere status
! error: 'nowhere' is not a directory
[2]
$ gitstage --repo nowhere status
! error: 'nowhere' is not a directory
[2]
$ gitstage --repo ext::sh status
! error: 'ext::sh' is not a directory
[2]
$ gitstage --registry nowhere status
! error: there is no registry in nowhere
!   try: make one with: gitstage init nowhere
[2]
$ gitstage --registry ../up status
! error: there is no registry in ../up
!   try: make one with: gitstage init ../up
[2]
$ gitstage --registry models status
! error: there is no registry in models
!   try: make one with: gitstage init models
[2]
""",
}
"""What is typed, and all that is said: stderr behind `! `, and how it ended."""


@pytest.mark.parametrize("about", list(TYPED))
def test_it_is_said_whole_with_what_to_type_and_nothing_is_changed(gs: Shell, about: str) -> None:
    for name, text in FILES.items():
        gs.write(name, text)
    lines = re.findall(r"^\$ gitstage (.*)$", TYPED[about], re.MULTILINE)
    with unchanged(gs.story.path):
        said = "".join(f"$ gitstage {line}\n{gs(*shlex.split(line))}" for line in lines)
    assert said == TYPED[about]


@pytest.mark.parametrize("about", list(TYPED))
def test_every_mistake_ends_with_2_or_1_on_stderr_alone(about: str) -> None:
    ends = re.split(r"^\$ gitstage .*\n", TYPED[about], flags=re.MULTILINE)[1:]
    assert [end for end in ends if not re.fullmatch(r"(?:! .*\n)+\[[12]\]\n", end)] == []
