// The layer and a function with it, for the AWS CDK (version 2). Beside this file: guard-x86_64.zip
// and app/.

import { App, Duration, Stack } from "aws-cdk-lib";
import { Architecture, Code, Function, LayerVersion, Runtime } from "aws-cdk-lib/aws-lambda";

class Orders extends Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const guard = new LayerVersion(this, "Guard", {
      layerVersionName: "guard",
      description: "Guard, an in-function runtime guard",
      code: Code.fromAsset("guard-x86_64.zip"),
      compatibleArchitectures: [Architecture.X86_64],
      license: "Apache-2.0 OR MIT",
    });
    new Function(this, "Orders", {
      code: Code.fromAsset("app"),
      handler: "app.handler",
      runtime: Runtime.PYTHON_3_13,
      architecture: Architecture.X86_64,
      memorySize: 256,
      timeout: Duration.seconds(10),
      layers: [guard],
      environment: {
        AWS_LAMBDA_EXEC_WRAPPER: "/opt/guard/wrap",
        // Records and never blocks; `enforce` once the records are right.
        GUARD_MODE: "monitor",
      },
    });
  }
}

const app = new App();
new Orders(app, "Orders");
app.synth();
