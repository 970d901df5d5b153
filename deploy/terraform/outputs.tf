output "store" {
  description = "For TECHTRADE_STORE."
  value       = "s3://${var.bucket}/${var.prefix}"
}

output "roles" {
  description = "The ARN of each role of deploy/access.yaml."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}

output "task_definitions" {
  description = "The family that a deployment names as its job variable task_definition_arn (deploy/stages/production.yaml), by role."
  value       = { for name, definition in aws_ecs_task_definition.run : name => definition.family }
}

output "secrets" {
  description = "What needs a value before the first run: aws secretsmanager put-secret-value --secret-id NAME ..."
  value       = sort([for secret in aws_secretsmanager_secret.this : secret.name])
}

output "deploy" {
  description = "What `techtrade deploy --stage production` wants to know of this stage, as variables of its environment (deploy/stages/production.yaml)."
  value = {
    TECHTRADE_ECS_CLUSTER        = aws_ecs_cluster.this.arn
    TECHTRADE_ECS_SUBNET_1       = var.subnet_ids[0]
    TECHTRADE_ECS_SUBNET_2       = var.subnet_ids[1]
    TECHTRADE_ECS_SECURITY_GROUP = aws_security_group.this.id
  }
}
