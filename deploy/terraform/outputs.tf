output "store" {
  description = "For TECHTRADE_STORE."
  value       = "s3://${var.bucket}/${var.prefix}"
}

output "roles" {
  description = "The ARN of each role of deploy/access.yaml."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}

output "task_definitions" {
  description = "The family that a deployment names as its job variable task_definition_arn, by role."
  value       = { for name, definition in aws_ecs_task_definition.run : name => definition.family }
}

output "secrets" {
  description = "What needs a value before the first run: aws secretsmanager put-secret-value --secret-id NAME ..."
  value       = sort([for secret in aws_secretsmanager_secret.this : secret.name])
}

module "pool" {
  source          = "./pool"
  cluster         = aws_ecs_cluster.this.arn
  subnets         = var.subnet_ids
  security_groups = [aws_security_group.this.id]
  secrets = {
    (var.prefect_secret == "PREFECT_API_KEY" ? "prefect_api_key_secret_arn" : "prefect_api_auth_string_secret_arn") = aws_secretsmanager_secret.this[var.prefect_secret].arn
  }
}

output "base_job_template" {
  description = "For the work pool: terraform output -raw base_job_template > pool.json; prefect work-pool create techtrade --type ecs --base-job-template pool.json"
  value       = module.pool.base_job_template
}
