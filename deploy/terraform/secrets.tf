# Names only: values are put in by hand or by whatever rotates them, and are in no state of Terraform. A run reads them
# when it starts, so the next run has the new one. A run gets the keys of the publishers of its own dataset, and no others.

locals {
  subscribers = toset([
    for subscriber in yamldecode(file("${path.module}/../../configs/subscribers.yaml")).subscribers : subscriber.address_variable
  ])

  # By run: the keys of its publishers, where alerts go, who is told of news, and the Prefect server's.
  secrets_of = {
    for name in keys(local.runs) : name => sort(distinct(concat(
      module.access.keys[name], tolist(var.alert_channels), tolist(local.subscribers), [var.prefect_secret],
    )))
  }
  secrets = toset(flatten(values(local.secrets_of)))
}

resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57:Neither the publishers nor the channels can be asked for a new key by a machine; docs/operating.md says how it is done by hand
  for_each                = local.secrets
  name                    = "${local.name}/${each.key}"
  description             = "techtrade: ${each.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 7
}
