variable "stage" {
  description = "staging or production: a tag of everything. Each has an account of its own, so names need not tell them apart."
  type        = string
  validation {
    condition     = contains(["staging", "production"], var.stage)
    error_message = "A stage is staging or production."
  }
}

variable "bucket" {
  description = "Name of the bucket of the store; <name>-access-log beside it gets its access log."
  type        = string
}

variable "prefix" {
  description = "Where in the bucket the store begins, without slashes at its ends."
  type        = string
  default     = "store"
}

variable "vpc_id" {
  description = "The VPC in which runs are."
  type        = string
}

variable "subnet_ids" {
  description = "Two private subnets of it, with a way out to the publishers (NAT) and to AWS (NAT or endpoints)."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) == 2
    error_message = "Name two subnets, in two zones: deploy/stages/production.yaml hands them to each run."
  }
}

variable "image_run" {
  description = "The image of deploy/Dockerfile, target run, by digest."
  type        = string
  validation {
    condition     = strcontains(var.image_run, "@sha256:")
    error_message = "Name the image by digest (repository@sha256:...): a tag can be moved, and a run then has other code than its manifest says."
  }
}

variable "image_worker" {
  description = "The image of deploy/Dockerfile, target worker, by digest."
  type        = string
  validation {
    condition     = strcontains(var.image_worker, "@sha256:")
    error_message = "Name the image by digest (repository@sha256:...)."
  }
}

variable "image_repository_arns" {
  description = "ARNs of the ECR repositories of both images."
  type        = list(string)
}

variable "prefect_api_url" {
  description = "The Prefect server's API: one of your own, or a workspace of Prefect Cloud."
  type        = string
  validation {
    condition     = startswith(var.prefect_api_url, "https://")
    error_message = "Runs send their logs and get their parameters there: https:// only."
  }
}

variable "prefect_secret" {
  description = "What the server wants to see: PREFECT_API_KEY (Prefect Cloud) or PREFECT_API_AUTH_STRING (basic authentication)."
  type        = string
  default     = "PREFECT_API_AUTH_STRING"
  validation {
    condition     = contains(["PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"], var.prefect_secret)
    error_message = "PREFECT_API_KEY or PREFECT_API_AUTH_STRING."
  }
}

variable "alert_channels" {
  description = "The variables of configs/alerts.yaml that are used: each is a secret, and a run does not start while one has no value."
  type        = set(string)
  default     = ["TECHTRADE_ALERT_MAIL", "TECHTRADE_ALERT_FALLBACK"]
}

variable "people" {
  description = "Who may act as the roles that persons have: role of deploy/access.yaml (with - for _) to ARNs of roles or users."
  type        = map(list(string))
  default     = {}
  validation {
    condition     = alltrue([for role in keys(var.people) : contains(["reader", "operator", "yank-operator", "restorer"], role)])
    error_message = "People can be reader, operator, yank-operator or restorer; the others are for runs."
  }
}

variable "eks_cluster" {
  description = "Name of the EKS cluster in which runs are, instead of on ECS; null for ECS alone. Its agent of Pod Identity is needed."
  type        = string
  default     = null
}

variable "keep_replaced_days" {
  description = "How long S3 keeps what was replaced or deleted: so long a mistake can be undone."
  type        = number
  default     = 90
}

variable "log_days" {
  description = "How long logs of runs, and the access log of the bucket, are kept."
  type        = number
  default     = 400
}
