# Runs on ECS: a worker that asks the Prefect server for work, and starts a task a run. Each run's task definition says
# whose rights it has; the deployment names it (job variable task_definition_arn), so a run cannot choose.

resource "aws_ecs_cluster" "this" {
  name = local.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE"]
}

resource "aws_cloudwatch_log_group" "runs" {
  name              = "/${local.name}/runs"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_cloudwatch_log_group" "worker" {
  name              = "/${local.name}/worker"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_security_group" "this" {
  name        = local.name
  description = "techtrade: nothing comes in, HTTPS goes out"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  description       = "Publishers, S3, secrets, the Prefect server"
  security_group_id = aws_security_group.this.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

locals {
  # The same in every container; no secret is among them.
  environment = [
    { name = "PREFECT_API_URL", value = var.prefect_api_url },
    { name = "TECHTRADE_STORE", value = "s3://${var.bucket}/${var.prefix}" },
    { name = "AWS_REGION", value = local.region },
    { name = "TECHTRADE_LOG_FORMAT", value = "json" },
  ]
}

# ------------------------------------------------------------------------------ runs

# Measured peaks are in docs/cloud.md.
resource "aws_ecs_task_definition" "run" {
  for_each                 = local.runs
  family                   = "${local.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 1024
  memory                   = 3072
  task_role_arn            = aws_iam_role.this[each.key].arn
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  volume {
    name = "scratch"
  }
  container_definitions = jsonencode([{
    name                   = "techtrade"
    image                  = var.image_run
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    stopTimeout            = 120
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    mountPoints            = [{ sourceVolume = "scratch", containerPath = "/tmp", readOnly = false }]
    environment            = local.environment
    secrets                = [for name in local.secrets_of[each.key] : { name = name, valueFrom = aws_secretsmanager_secret.this[name].arn }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.runs.name
        awslogs-region        = local.region
        awslogs-stream-prefix = each.key
        mode                  = "non-blocking"
      }
    }
  }])
}

# ---------------------------------------------------------------------------- worker

resource "aws_ecs_task_definition" "worker" {
  family                   = "${local.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 1024
  task_role_arn            = aws_iam_role.worker.arn
  execution_role_arn       = aws_iam_role.execution["worker"].arn
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  volume {
    name = "scratch"
  }
  container_definitions = jsonencode([{
    name                   = "worker"
    image                  = var.image_worker
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    mountPoints            = [{ sourceVolume = "scratch", containerPath = "/tmp", readOnly = false }]
    command                = ["prefect", "worker", "start", "--pool", "techtrade", "--type", "ecs", "--install-policy", "never", "--with-healthcheck"]
    environment = concat(local.environment, [
      { name = "PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME", value = aws_sqs_queue.tasks.name },
    ])
    secrets = [{ name = var.prefect_secret, valueFrom = aws_secretsmanager_secret.this[var.prefect_secret].arn }]
    healthCheck = {
      command     = ["CMD", "python", "-m", "flows.health"]
      interval    = 30
      timeout     = 10
      retries     = 3
      startPeriod = 120
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.worker.name
        awslogs-region        = local.region
        awslogs-stream-prefix = "worker"
      }
    }
  }])
}

resource "aws_ecs_service" "worker" {
  name                               = "worker"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.worker.arn
  desired_count                      = 1
  launch_type                        = "FARGATE"
  propagate_tags                     = "SERVICE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = false
  }
}

data "aws_iam_policy_document" "ecs_trust" {
  statement {
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
  }
}

resource "aws_iam_role" "worker" {
  name               = "${local.name}-worker"
  description        = "techtrade: starts runs, and has no rights in the store"
  assume_role_policy = data.aws_iam_policy_document.ecs_trust.json
}

data "aws_iam_policy_document" "worker" {
  # checkov:skip=CKV_AWS_356:DescribeTaskDefinition takes no resource
  statement {
    sid       = "StartRuns"
    actions   = ["ecs:RunTask"]
    resources = [for name in keys(local.runs) : "${aws_ecs_task_definition.run[name].arn_without_revision}:*"]
    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }
  statement {
    sid       = "FollowRuns"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
    resources = ["arn:${data.aws_partition.current.partition}:ecs:${local.region}:${local.account}:task/${aws_ecs_cluster.this.name}/*"]
  }
  statement {
    sid       = "ReadDefinitions"
    actions   = ["ecs:DescribeTaskDefinition"]
    resources = ["*"]
  }
  statement {
    sid       = "LabelRuns"
    actions   = ["ecs:TagResource"]
    resources = ["arn:${data.aws_partition.current.partition}:ecs:${local.region}:${local.account}:task/${aws_ecs_cluster.this.name}/*"]
    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }
  statement {
    sid       = "GiveRunsTheirRights"
    actions   = ["iam:PassRole"]
    resources = concat([for name in keys(local.runs) : aws_iam_role.this[name].arn], [for name in keys(local.runs) : aws_iam_role.execution[name].arn])
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
  statement {
    sid       = "HearHowTheyEnd"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.tasks.arn]
  }
  statement {
    sid       = "LastWordsOfCrashedRuns"
    actions   = ["logs:GetLogEvents"]
    resources = ["${aws_cloudwatch_log_group.runs.arn}:log-stream:*"]
  }
}

resource "aws_iam_role_policy" "worker" {
  name   = "worker"
  role   = aws_iam_role.worker.id
  policy = data.aws_iam_policy_document.worker.json
}

# ------------------------------------------------ what starts containers: image, secrets, log

resource "aws_iam_role" "execution" {
  for_each           = merge(local.runs, { worker = { role = "worker", dataset = "" } })
  name               = "${local.name}-${each.key}-start"
  description        = "techtrade: what ECS needs to start ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.ecs_trust.json
}

data "aws_iam_policy_document" "execution" {
  # checkov:skip=CKV_AWS_356:GetAuthorizationToken takes no resource
  for_each = aws_iam_role.execution
  statement {
    sid       = "Registry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    sid       = "Image"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = var.image_repository_arns
  }
  statement {
    sid     = "Log"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [
      "${each.key == "worker" ? aws_cloudwatch_log_group.worker.arn : aws_cloudwatch_log_group.runs.arn}:log-stream:*",
    ]
  }
  statement {
    sid     = "Secrets"
    actions = ["secretsmanager:GetSecretValue"]
    resources = [
      for name in each.key == "worker" ? [var.prefect_secret] : local.secrets_of[each.key] : aws_secretsmanager_secret.this[name].arn
    ]
  }
  statement {
    sid       = "SecretsKey"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${local.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  for_each = aws_iam_role.execution
  name     = "start"
  role     = each.value.id
  policy   = data.aws_iam_policy_document.execution[each.key].json
}
