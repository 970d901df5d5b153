# From deploy/access.yaml to IAM policies: pure, no provider. So this part runs where nothing of AWS is at hand, and
# deploy/checks holds what comes out against the file. A dataset that gets a contract gets its role with the next apply.

terraform {
  required_version = ">= 1.9"
}

variable "bucket_arn" {
  description = "ARN of the bucket of the store."
  type        = string
}

variable "prefix" {
  description = "Where in the bucket the store begins, without slashes at its ends; empty for the whole bucket."
  type        = string
  default     = ""
  validation {
    condition     = !startswith(var.prefix, "/") && !endswith(var.prefix, "/")
    error_message = "Write the prefix without slashes at its ends."
  }
}

locals {
  configs = "${path.module}/../../../configs"
  access  = yamldecode(file("${path.module}/../../access.yaml"))
  root    = var.prefix == "" ? "${var.bucket_arn}/" : "${var.bucket_arn}/${var.prefix}/"

  contracts = {
    for file in fileset(local.configs, "datasets/*.yaml") :
    trimsuffix(basename(file), ".yaml") => yamldecode(file("${local.configs}/${file}"))
  }
  sources = { for name, contract in local.contracts : name => sort(distinct(concat([for kind, source in contract.sources : source if kind != "archived"], ["partner_reference", "versions"]))) }

  # What is made from each dataset in the same run, itself among it, each with its history.
  derived = {
    for file in fileset(local.configs, "derived/*.yaml") :
    trimsuffix(basename(file), ".yaml") => yamldecode(file("${local.configs}/${file}"))
  }
  made = {
    for name, contract in local.contracts : name => sort(concat(["${name}*"], [
      for other, said in local.derived : "${other}*"
      if contains(said.derived_from, name) || contains(said.derived_from, "${name}_history")
    ]))
  }

  # The variable that holds the key of a publisher that wants one.
  publishers = {
    for file in fileset(local.configs, "sources/*.yaml") :
    trimsuffix(basename(file), ".yaml") => yamldecode(file("${local.configs}/${file}"))
  }
  key_of = { for name, said in local.publishers : name => said.key.variable if can(said.key.variable) }

  # Every role, one a dataset where it is bound to one: by the name that role, account and task definition have.
  instances = merge([
    for role, said in local.access.roles : {
      for dataset in lookup(said, "each", "") == "dataset" ? keys(local.contracts) : [""] :
      replace(dataset == "" ? role : "${role}-${dataset}", "_", "-") => { role = role, dataset = dataset }
    }
  ]...)

  # Verb by verb, the ARNs of the keys.
  granted = {
    for name, instance in local.instances : name => {
      for verb in keys(local.access.verbs) : verb => flatten([
        for key in lookup(local.access.roles[instance.role], verb, []) : [
          for each in strcontains(key, "{source}") ? local.sources[instance.dataset] : strcontains(key, "{made}") ? local.made[instance.dataset] : [""] :
          "${local.root}${replace(replace(replace(key, "{source}", each), "{made}", each), "{dataset}", instance.dataset)}"
        ]
      ])
    }
  }

  statements = {
    for name, verbs in local.granted : name => flatten([
      for verb, keys in verbs : length(keys) == 0 ? [] : concat(
        [
          for actions in [lookup(local.access.verbs[verb], "bucket", [])] :
          { Sid = "${title(verb)}Bucket", Effect = "Allow", Action = actions, Resource = [var.bucket_arn], Condition = {} } if length(actions) > 0
        ],
        [
          for actions in [lookup(local.access.verbs[verb], "object", [])] :
          { Sid = title(verb), Effect = "Allow", Action = actions, Resource = keys, Condition = {} } if length(actions) > 0
        ],
        # A write only with one of these headers.
        [
          for header in lookup(local.access.verbs[verb], "conditional", []) : {
            Sid       = "${title(verb)}${replace(title(replace(header, "/[:-]/", " ")), " ", "")}"
            Effect    = "Allow"
            Action    = ["s3:PutObject"]
            Resource  = keys
            Condition = { Null = { (header) = "false" } }
          }
        ],
        # The parts of an upload carry no header; what completes it does, and creates the object.
        [
          for actions in [lookup(local.access.verbs[verb], "object", [])] : {
            Sid       = "${title(verb)}Parts"
            Effect    = "Allow"
            Action    = ["s3:PutObject"]
            Resource  = keys
            Condition = { Bool = { "s3:ObjectCreationOperation" = "false" } }
          } if contains(keys(local.access.verbs[verb]), "conditional") && contains(actions, "s3:AbortMultipartUpload")
        ],
      )
    ])
  }
}

output "instances" {
  description = "Role and dataset (empty where it is bound to none) of each, by name."
  value       = local.instances
}

output "sources" {
  description = "The sources that each dataset is made from."
  value       = local.sources
}

output "keys" {
  description = "The variables with the publishers' keys that the runs of each need; of its own dataset, and no others."
  value = {
    for name, instance in local.instances : name => sort(distinct([
      for source in lookup(local.sources, instance.dataset, []) : local.key_of[source] if contains(keys(local.key_of), source)
    ]))
  }
}

output "writers" {
  description = "The names of those that may write anything, and so need the key that encrypts."
  value = [
    for name, verbs in local.granted : name
    if length(concat(verbs["create"], verbs["put"], verbs["replace"])) > 0
  ]
}

output "policies" {
  description = "The policy of each, as JSON."
  value = {
    for name, statements in local.statements : name => jsonencode({
      Version   = "2012-10-17"
      Statement = [for s in statements : { for k, v in s : k => v if k != "Condition" || length(v) > 0 }]
    })
  }
}
