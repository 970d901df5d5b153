# One key for everything at rest. Whoever may read the store needs it too; who that is stands in roles.tf.

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:A key's policy must name the account, or nobody could ever change it again
  # checkov:skip=CKV_AWS_111:As above; "*" is this key, the only resource that a key's policy has
  # checkov:skip=CKV_AWS_356:As above
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${local.account}:root"]
    }
  }
  statement {
    sid       = "Logs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["logs.${local.region}.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${data.aws_partition.current.partition}:logs:${local.region}:${local.account}:log-group:/${local.name}/*"]
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "${local.name}: store, secrets, logs"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.this.key_id
}
