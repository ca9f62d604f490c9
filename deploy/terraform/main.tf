# The layer and a function with it. Beside this file: guard-x86_64.zip and app/.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4"
    }
  }
}

resource "aws_lambda_layer_version" "guard" {
  layer_name               = "guard"
  description              = "Guard, an in-function runtime guard"
  filename                 = "${path.module}/guard-x86_64.zip"
  source_code_hash         = filebase64sha256("${path.module}/guard-x86_64.zip")
  compatible_architectures = ["x86_64"]
  license_info             = "Apache-2.0 OR MIT"
}

data "archive_file" "app" {
  type        = "zip"
  source_dir  = "${path.module}/app"
  output_path = "${path.module}/app.zip"
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "orders" {
  name               = "orders"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.orders.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_lambda_function" "orders" {
  function_name    = "orders"
  role             = aws_iam_role.orders.arn
  filename         = data.archive_file.app.output_path
  source_code_hash = data.archive_file.app.output_base64sha256
  handler          = "app.handler"
  runtime          = "python3.13"
  architectures    = ["x86_64"]
  memory_size      = 256
  timeout          = 10
  layers           = [aws_lambda_layer_version.guard.arn]

  environment {
    variables = {
      AWS_LAMBDA_EXEC_WRAPPER = "/opt/guard/wrap"
      # Records and never blocks; `enforce` once the records are right.
      GUARD_MODE = "monitor"
    }
  }
}
