# One role a role of deploy/access.yaml, one a dataset where it is bound to one. What each may do is data: access.yaml.

module "access" {
  source     = "./access"
  bucket_arn = aws_s3_bucket.store.arn
  prefix     = var.prefix
}

locals {
  instances = module.access.instances
  # Roles that persons act as; the others are those of runs.
  personal = ["reader", "operator", "yank-operator", "restorer"]
  runs     = { for name, instance in local.instances : name => instance if !contains(local.personal, name) }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.instances

  dynamic "statement" {
    for_each = contains(local.personal, each.key) ? [] : ["ecs"]
    content {
      sid     = "Tasks"
      actions = ["sts:AssumeRole"]
      principals {
        type        = "Service"
        identifiers = ["ecs-tasks.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
      condition {
        test     = "ArnLike"
        variable = "aws:SourceArn"
        values   = ["arn:${data.aws_partition.current.partition}:ecs:${local.region}:${local.account}:*"]
      }
    }
  }
  dynamic "statement" {
    for_each = contains(local.personal, each.key) || var.eks_cluster == null ? [] : ["eks"]
    content {
      sid     = "Pods"
      actions = ["sts:AssumeRole", "sts:TagSession"]
      principals {
        type        = "Service"
        identifiers = ["pods.eks.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
  dynamic "statement" {
    for_each = contains(local.personal, each.key) && length(lookup(var.people, each.key, [])) > 0 ? ["people"] : []
    content {
      sid     = "People"
      actions = ["sts:AssumeRole"]
      principals {
        type        = "AWS"
        identifiers = var.people[each.key]
      }
    }
  }
  # Of a personal role that nobody has yet: a trust policy must have a statement.
  dynamic "statement" {
    for_each = contains(local.personal, each.key) && length(lookup(var.people, each.key, [])) == 0 ? ["nobody"] : []
    content {
      sid     = "Nobody"
      effect  = "Deny"
      actions = ["sts:AssumeRole"]
      principals {
        type        = "AWS"
        identifiers = ["arn:${data.aws_partition.current.partition}:iam::${local.account}:root"]
      }
    }
  }
}

resource "aws_iam_role" "this" {
  for_each             = local.instances
  name                 = "${local.name}-${each.key}"
  description          = "techtrade: ${each.value.role} of ${each.value.dataset == "" ? "the store" : each.value.dataset}"
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = contains(local.personal, each.key) ? 3600 : 14400
}

resource "aws_iam_role_policy" "store" {
  for_each = local.instances
  name     = "store"
  role     = aws_iam_role.this[each.key].id
  policy   = module.access.policies[each.key]
}

data "aws_iam_policy_document" "encryption" {
  for_each = local.instances
  statement {
    sid       = "StoreKey"
    actions   = contains(module.access.writers, each.key) ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "encryption" {
  for_each = local.instances
  name     = "encryption"
  role     = aws_iam_role.this[each.key].id
  policy   = data.aws_iam_policy_document.encryption[each.key].json
}

# The accounts of deploy/kubernetes, by name.
resource "aws_eks_pod_identity_association" "this" {
  for_each        = var.eks_cluster == null ? {} : local.runs
  cluster_name    = var.eks_cluster
  namespace       = "techtrade"
  service_account = "techtrade-${each.key}"
  role_arn        = aws_iam_role.this[each.key].arn
}
