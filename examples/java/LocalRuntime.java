import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import java.util.TreeMap;

/**
 * The Runtime API with nothing but the JDK, in place of AWS's client
 * (com.amazonaws:aws-lambda-java-runtime-interface-client), to run the handler on one's own machine.
 * Lambda's Java runtimes bring AWS's: there this class is not needed.
 */
final class LocalRuntime {
    public static void main(String[] arguments) throws IOException, InterruptedException {
        String base = "http://" + System.getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/";
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        HttpRequest next = HttpRequest.newBuilder(URI.create(base + "next")).build();
        Invoices invoices = new Invoices();
        while (true) {
            HttpResponse<byte[]> event = client.send(next, BodyHandlers.ofByteArray());
            if (event.statusCode() != 200) {
                throw new IOException("the Runtime API answered " + event.statusCode());
            }
            String address = base + event.headers().firstValue("Lambda-Runtime-Aws-Request-Id").orElseThrow();
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            try {
                invoices.handleRequest(new ByteArrayInputStream(event.body()), out);
                address += "/response";
            } catch (RuntimeException problem) {
                out.reset();
                String type = problem.getClass().getName();
                String message = String.valueOf(problem.getMessage());
                out.writeBytes(Json.write(new TreeMap<>(Map.of("errorType", type, "errorMessage", message))).getBytes());
                address += "/error";
            }
            HttpRequest answer = HttpRequest.newBuilder(URI.create(address))
                    .POST(BodyPublishers.ofByteArray(out.toByteArray())).build();
            client.send(answer, BodyHandlers.discarding());
        }
    }
}
