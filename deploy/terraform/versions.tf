# One stage of techtrade on AWS, in an account of its own. docs/cloud.md says how to apply it, and what of it could be
# checked here.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
  # Where the state is kept is said with `terraform init -backend-config=...`: bucket, key, region, use_lockfile = true.
  backend "s3" {}
}

provider "aws" {
  default_tags {
    tags = { application = "techtrade", stage = var.stage }
  }
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  name    = "techtrade"
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.region
}
