# The base job template of the work pool, with what this stage has filled in as defaults: pure, no provider.

terraform {
  required_version = ">= 1.9"
}

variable "cluster" {
  description = "ARN of the ECS cluster."
  type        = string
}

variable "subnets" {
  description = "The subnets of runs."
  type        = list(string)
}

variable "security_groups" {
  description = "The security groups of runs."
  type        = list(string)
}

variable "secrets" {
  description = "ARN of the secret that the Prefect server wants to see, by the template's variable for it."
  type        = map(string)
}

locals {
  template = jsondecode(file("${path.module}/../../ecs/base-job-template.json"))
  here = merge(
    { for name, arn in var.secrets : name => arn },
    { cluster = var.cluster, subnets = var.subnets, security_groups = var.security_groups },
  )
  filled = {
    for name, said in local.template.variables.properties :
    name => merge(said, { for key in ["default"] : key => local.here[name] if contains(keys(local.here), name) })
  }
}

output "base_job_template" {
  description = "As JSON."
  value = jsonencode({
    job_configuration = local.template.job_configuration
    variables         = merge(local.template.variables, { properties = local.filled })
  })
}
