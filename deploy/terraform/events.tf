# How the worker learns that a task has ended, killed for want of memory for one: ECS tells EventBridge, which fills a
# queue that the worker reads. Without it a run whose task dies is found by its missing heartbeat only.

resource "aws_sqs_queue" "tasks" {
  name                      = "${local.name}-tasks"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 86400
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.tasks_unread.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "tasks_unread" {
  name                      = "${local.name}-tasks-unread"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
}

resource "aws_cloudwatch_event_rule" "tasks" {
  name        = "${local.name}-tasks"
  description = "Tasks of ${local.name} that change their state"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail      = { clusterArn = [aws_ecs_cluster.this.arn] }
  })
}

resource "aws_cloudwatch_event_target" "tasks" {
  rule = aws_cloudwatch_event_rule.tasks.name
  arn  = aws_sqs_queue.tasks.arn
}

data "aws_iam_policy_document" "tasks" {
  statement {
    sid       = "Events"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.tasks.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.tasks.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "tasks" {
  queue_url = aws_sqs_queue.tasks.id
  policy    = data.aws_iam_policy_document.tasks.json
}
